/** What rounding did to values that were finite before. */
export interface CastStats {
  /** Finite values that became infinite, or NaN where the type has no infinity. */
  overflow: number
  /** Values other than zero that became zero. */
  underflow: number
}

export function newCastStats(): CastStats {
  return { overflow: 0, underflow: 0 }
}
