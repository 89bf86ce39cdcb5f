/** Options that every command has. */
export interface CommonOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

/** Options of commands that write model files. */
export interface OutputOptions extends CommonOptions {
  readonly output?: string
  readonly force: boolean
  readonly dryRun: boolean
  /** Every tensor, or only those that were computed. */
  readonly verify: boolean | 'patched'
  readonly hash: boolean
  /** Copy what lies beside the source under its name. */
  readonly sidecars: boolean
}
