/** One thing that was checked. */
export interface Check {
  readonly check: 'structure' | 'checksums' | 'values' | 'hash' | 'recipe'
  /** `unknown`: there was nothing to compare with; `unchecked`: there was, but it was not or could not be compared. */
  readonly result: 'ok' | 'failed' | 'warning' | 'unknown' | 'unchecked'
  readonly detail: string
}
