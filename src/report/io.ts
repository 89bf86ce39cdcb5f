/** A stream of the terminal, or what stands in for one in a test. */
export interface TextStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** The world as commands see it. */
export interface Io {
  /** The result, nothing else. */
  readonly stdout: TextStream
  /** Progress, warnings and errors. */
  readonly stderr: TextStream
  readonly env: Readonly<Record<string, string | undefined>>
  now(): Date
  /** Threads for computed tensors; 0 keeps all work in the calling thread. */
  readonly threads: number
  /** Module that multiplies matrices faster than plain loops do (`MatMulModule`). */
  readonly matmul?: URL
  /** Script of the processes that hold networks; the calling process holds them without it. */
  readonly sessions?: URL
  readonly signal: AbortSignal
  /** Of sdtool, for `--version` and recipes. */
  readonly version: string
}
