import { type Component, isSelected } from './components.ts'
import { coversAll, type EmaInfo, isOnlyCounters } from './ema.ts'
import type { Identity } from './identity.ts'
import { type EmaMode, isWanted, type PruneOptions, unverified } from './prune-options.ts'

/** What becomes of the EMA copy, decided before anything else. */
export type EmaDecision = 'none' | 'promote' | 'drop' | 'keep'

export function decideEma({ ema, components }: Identity, options: PruneOptions): EmaDecision {
  const mode = emaMode(components, options)
  if (!ema) {
    if (mode === 'only') throw unverified('EMA_MISSING', 'the file has no EMA copy', 'Leave out --ema only.')
    return 'none'
  }
  if (mode === 'keep') return 'keep'
  const live = components.filter(({ role }) => role === (ema.of === 'vae' ? 'vae' : 'unet'))
  const liveGoes = live.length > 0 && live.every((component) => !isWanted(component, options))
  if (mode === 'drop' || isOnlyCounters(ema) || liveGoes) return 'drop'
  checkPromotable(ema, mode)
  return 'promote'
}

/** The option, or what naming the EMA in `--keep` and `--drop` amounts to. */
function emaMode(
  components: readonly Component[],
  { ema, keep = [], drop = [] }: PruneOptions,
): EmaMode | undefined {
  const copies = components.filter(({ role }) => role === 'ema')
  if (ema !== undefined || copies.length === 0) return ema
  if (copies.some((copy) => isSelected(copy, drop))) return 'drop'
  return copies.some((copy) => isSelected(copy, keep)) ? 'keep' : undefined
}

/** @throws EMA_ALONE, EMA_PARTIAL, EMA_OF_MERGE, EMA_NEVER_UPDATED */
function checkPromotable(ema: EmaInfo, mode: EmaMode | undefined): void {
  if (ema.pairs.size === 0 && ema.uncovered.length === 0) {
    throw unverified(
      'EMA_ALONE',
      'the EMA copy has no live weights beside it, so nothing says which weight is which',
      'Use --ema keep to keep it as it is.',
    )
  }
  if (!coversAll(ema)) {
    const all = ema.pairs.size + ema.uncovered.length
    throw unverified(
      'EMA_PARTIAL',
      `the EMA copy covers ${ema.pairs.size} of ${all} weights, so it cannot take their place`,
      'Use --ema drop to keep the live weights, or --ema keep to keep both.',
    )
  }
  if (mode === 'only') return
  if (ema.ofMerge) {
    throw unverified(
      'EMA_OF_MERGE',
      'the file is a merge, and its EMA copy may still be that of one parent',
      'Use --ema drop to keep the merged weights, or --ema only if you do want the EMA.',
    )
  }
  if (ema.updates === 0) {
    throw unverified(
      'EMA_NEVER_UPDATED',
      'the EMA copy was never updated (num_updates is 0): it holds the weights training began with',
      'Use --ema drop to keep the trained weights, or --ema only if you do want the EMA.',
    )
  }
}
