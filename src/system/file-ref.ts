/** A file on disk as expressions name it: plain data, so that it can cross to a worker thread. */
export interface FileRef {
  readonly path: string
  readonly size: number
  /** What it was when it was opened (`stampOf`), to tell a change; absent for files nobody else knows of. */
  readonly stamp?: string
}
