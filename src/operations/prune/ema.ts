import { coversAll, type EmaInfo, isOnlyCounters } from '../../model/identify/ema.ts'
import type { Identity } from '../../model/identity.ts'
import { type Component, isSelected, type Selector } from '../../model/networks/components.ts'
import { unverified, usage } from '../../system/errors.ts'
import { type EmaMode, isWanted, type PruneOptions } from './plan-options.ts'

/** What becomes of the EMA copy, decided before anything else. */
export type EmaDecision = 'none' | 'promote' | 'drop' | 'keep'

/** @throws USAGE, EMA_MISSING, EMA_ALONE, EMA_PARTIAL, EMA_OF_MERGE, EMA_NEVER_UPDATED */
export function decideEma({ ema, components }: Identity, options: PruneOptions): EmaDecision {
  if (!ema) {
    if (options.ema !== 'only') return 'none'
    throw unverified('EMA_MISSING', 'the file has no EMA copy', 'Leave out --ema only.')
  }
  const copies = components.filter(({ role }) => role === 'ema')
  const live = components.filter(({ role }) => role === (ema.of === 'vae' ? 'vae' : 'unet'))
  checkConsistent(options, copies, live)
  const mode = options.ema ?? namedMode(copies, options)
  if (mode === 'keep') return 'keep'
  if (mode === 'drop' || isOnlyCounters(ema) || allGo(live, options)) return 'drop'
  checkPromotable(ema, mode)
  return 'promote'
}

/** What naming the EMA in `--keep` and `--drop` amounts to. */
function namedMode(
  copies: readonly Component[],
  { keep = [], drop = [] }: PruneOptions,
): EmaMode | undefined {
  if (firstNaming(copies, drop) !== undefined) return 'drop'
  return firstNaming(copies, keep) === undefined ? undefined : 'keep'
}

function firstNaming(components: readonly Component[], selectors: readonly Selector[]): Selector | undefined {
  return selectors.find((selector) => components.some((component) => isSelected(component, [selector])))
}

function allGo(components: readonly Component[], options: PruneOptions): boolean {
  return components.length > 0 && components.every((component) => !isWanted(component, options))
}

/**
 * Refuses two options of which one would silently win.
 * @throws USAGE
 */
function checkConsistent(
  options: PruneOptions,
  copies: readonly Component[],
  live: readonly Component[],
): void {
  const { ema, keep = [], drop = [] } = options
  const dropped = firstNaming(copies, drop)
  const kept = firstNaming(copies, keep)
  if ((ema === 'keep' || ema === 'only') && dropped) throw contradiction(ema, `--drop ${dropped}`)
  if ((ema === 'drop' || ema === 'only') && kept) throw contradiction(ema, `--keep ${kept}`)
  if (ema !== 'only' || !allGo(live, options)) return
  const liveDropped = firstNaming(live, drop)
  throw contradiction(ema, liveDropped ? `--drop ${liveDropped}` : `--keep ${keep[0]}`)
}

function contradiction(ema: EmaMode, other: string): Error {
  const wants = {
    keep: 'the EMA copy shall stay',
    drop: 'the EMA copy shall go',
    only: 'the EMA values shall take the place of the live weights',
  }
  return usage(`--ema ${ema} and ${other} contradict each other: ${wants[ema]}`, 'Leave out one of them.')
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
