/** The EMA copy in a checkpoint, held against the live weights it belongs to. */
export interface EmaInfo {
  /** Which live component it copies. */
  readonly of: 'unet' | 'vae'
  /** Live key -> key of its EMA value, for every live key that has one of the same shape. */
  readonly pairs: ReadonlyMap<string, string>
  /** Live keys without an EMA value, or with one of another shape. */
  readonly uncovered: readonly string[]
  /** EMA keys that belong to no live key. */
  readonly orphans: readonly string[]
  /** `model_ema.num_updates`; 0: never updated; -1: the warm-up of the decay was off. */
  readonly updates?: number
  readonly decay?: number
  readonly bytes: number
}

/** Every live weight has an EMA value. */
export function coversAll(ema: EmaInfo): boolean {
  return ema.pairs.size > 0 && ema.uncovered.length === 0
}
