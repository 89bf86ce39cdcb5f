/** One thing that was looked at. */
export interface Check {
  readonly check: 'structure' | 'checksums' | 'values' | 'hash' | 'recipe'
  /** `unknown`: there was nothing to hold it against; `unchecked`: there is, and it was not done, or could not be. */
  readonly result: 'ok' | 'failed' | 'warning' | 'unknown' | 'unchecked'
  readonly detail: string
}
