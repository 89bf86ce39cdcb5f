import type { DTypeChoice } from '../../model/dtype-choice.ts'
import { type Component, isSelected, type Selector } from '../../model/networks/components.ts'

/** `only`: EMA values replace the live ones. `drop`: the EMA copy goes. `keep`: both stay. */
export const EMA_MODES = ['only', 'drop', 'keep'] as const

export type EmaMode = (typeof EMA_MODES)[number]

export interface PruneOptions {
  /** Without it: `only` if there is a usable EMA copy. */
  readonly ema?: EmaMode
  readonly dtype?: DTypeChoice
  /** Nothing but these components, and the markers that belong to them. */
  readonly keep?: readonly Selector[]
  readonly drop?: readonly Selector[]
  /** Keep noise schedule buffers even if they are the usual ones. */
  readonly keepSchedule?: boolean
}

/** A component that `--drop` does not name and, if there is a `--keep`, that it names. */
export function isWanted(component: Component, { keep = [], drop = [] }: PruneOptions): boolean {
  if (isSelected(component, drop)) return false
  return keep.length === 0 || isSelected(component, keep)
}
