/** What a change did to the weights of each part of a model, from what was counted while they were written. */

import { warning } from '../../model/finding.ts'
import type { Component, ComponentId } from '../../model/networks/components.ts'
import { addPatchStats, NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** Norms are Frobenius norms over all changed tensors of a part. */
export interface PartChange {
  readonly component: ComponentId
  readonly title: string
  readonly tensors: number
  /** |change| / |weights before|; null if those were all 0. */
  readonly relative: number | null
  /** |what rounding took or added| / |change|; 0 if nothing changed. */
  readonly lost: number
}

/** What was counted of one part. */
export interface PartCounts {
  readonly component: Component
  readonly stats: PatchStats
  /** Of its changed tensors. */
  readonly names: readonly string[]
  readonly dtypes: ReadonlySet<string>
}

/** @param components of each changed tensor, by its name */
export function partCounts(
  components: ReadonlyMap<string, Component>,
  table: TensorTable,
  counts: ReadonlyMap<string, PatchStats>,
): PartCounts[] {
  const parts = new Map<Component, { stats: PatchStats; names: string[]; dtypes: Set<string> }>()
  for (const [name, component] of components) {
    const part = parts.get(component) ?? { stats: NO_PATCH, names: [], dtypes: new Set() }
    parts.set(component, part)
    part.stats = addPatchStats(part.stats, counts.get(name) ?? NO_PATCH)
    part.names.push(name)
    part.dtypes.add(table.tensors.get(name)!.dtype)
  }
  return [...parts].map(([component, part]) => ({ component, ...part }))
}

export function sharesOf({ base2, delta2, error2 }: PatchStats): Pick<PartChange, 'relative' | 'lost'> {
  return {
    relative: base2 > 0 ? Math.sqrt(delta2 / base2) : null,
    lost: delta2 > 0 ? Math.sqrt(error2 / delta2) : 0,
  }
}

/** More than this share of the change lost to rounding is worth a warning: the picture may show it. */
const MUCH_LOST = 0.1

/** @param by what makes the change */
export function lossFinding(
  { component: { title }, stats, dtypes }: PartCounts,
  by: 'loras' | 'merge',
): Finding | undefined {
  const { lost } = sharesOf(stats)
  if (lost <= MUCH_LOST) return undefined
  const text = by === 'loras' ? messages.lossOfLoras : messages.lossOfMerge
  return warning('rounding-loss', text(title, [...dtypes], (100 * lost).toPrecision(3)))
}

/** Half a step of binary32, as a share of the number. */
const F32_EPSILON = 2 ** -24

/**
 * No type would show this change. Layers that training has hardly touched have such: a self-attention that only ever
 * saw one token, a part whose learning rate was 0.
 */
export function isNegligible({ base2, delta2 }: PatchStats): boolean {
  return delta2 <= base2 * F32_EPSILON ** 2
}
