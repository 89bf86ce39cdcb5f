import { coversAll, type EmaInfo, isOnlyCounters } from '../../model/identify/ema.ts'
import type { Identity } from '../../model/identity.ts'
import { type Component, isSelected, type Selector } from '../../model/networks/components.ts'
import { unverified, usage } from '../../system/errors.ts'
import { messages } from './messages.ts'
import { type EmaMode, isWanted, type PruneOptions } from './plan-options.ts'

/** What happens to the EMA copy, decided before anything else. */
export type EmaDecision = 'none' | 'promote' | 'drop' | 'keep'

/** @throws USAGE (exit 2); EMA_MISSING, EMA_ALONE, EMA_PARTIAL, EMA_OF_MERGE, EMA_NEVER_UPDATED (exit 4) */
export function decideEma({ ema, components }: Identity, options: PruneOptions): EmaDecision {
  if (!ema) {
    if (options.ema !== 'only') return 'none'
    throw unverified('EMA_MISSING', messages.noEma, messages.leaveOutEmaOnly)
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
 * @throws USAGE (exit 2)
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
  const texts = {
    keep: messages.contradictsKeep,
    drop: messages.contradictsDrop,
    only: messages.contradictsOnly,
  }
  return usage(texts[ema](other), messages.leaveOutOne)
}

/** @throws EMA_ALONE, EMA_PARTIAL, EMA_OF_MERGE, EMA_NEVER_UPDATED (exit 4) */
function checkPromotable(ema: EmaInfo, mode: EmaMode | undefined): void {
  if (ema.pairs.size === 0 && ema.uncovered.length === 0)
    throw unverified('EMA_ALONE', messages.emaAlone, messages.keepAsIs)
  if (!coversAll(ema)) {
    const all = ema.pairs.size + ema.uncovered.length
    throw unverified('EMA_PARTIAL', messages.emaPartial(ema.pairs.size, all), messages.dropOrKeep)
  }
  if (mode === 'only') return
  if (ema.ofMerge) throw unverified('EMA_OF_MERGE', messages.emaOfMerge, messages.dropOrOnlyOfMerge)
  if (ema.updates === 0)
    throw unverified('EMA_NEVER_UPDATED', messages.emaNeverUpdated, messages.dropOrOnlyOfTrained)
}
