/** How an output is written, whatever the operation. */
export interface OutputOptions {
  /** File to write, or folder. */
  readonly output?: string
  readonly force: boolean
  readonly dryRun: boolean
  /** Every tensor, or only those that were computed. */
  readonly verify: boolean | 'patched'
  readonly hash: boolean
  /** Copy the files next to the source that have its name. */
  readonly sidecars: boolean
}
