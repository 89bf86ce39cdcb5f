import { addComparisons, NO_COMPARISON, type TensorComparison } from '../../tensor/values/compare.ts'
import { isFloat } from '../../tensor/values/dtype.ts'
import { TARGETS } from '../adapters/targets.ts'
import { type BlockLabel, compareBlocks } from '../networks/blocks.ts'
import { COMPONENTS } from '../networks/components.ts'
import { isSame, type TensorDiff } from './diff.ts'
import { compareLayers } from './layers.ts'
import type { DiffPlace } from './place.ts'

/** What became of some tensors together. */
export interface Tally {
  /** Tensors in either file. */
  readonly tensors: number
  /** Those that are not the same in both, by what is different. A tensor may count in several. */
  readonly differing: number
  readonly changed: number
  /** Of the same shape, but without numbers. */
  readonly incomparable: number
  readonly retyped: number
  readonly reshaped: number
  readonly added: number
  readonly removed: number
  /** All weights that could be compared, as if they were one tensor. Without integers and alphas, which outweigh them. */
  readonly comparison: TensorComparison
}

export function tally(diffs: readonly TensorDiff[]): Tally {
  const count = (is: (diff: TensorDiff) => boolean) => diffs.filter(is).length
  return {
    tensors: diffs.length,
    differing: count((diff) => !isSame(diff)),
    changed: count(({ change }) => change === 'changed'),
    incomparable: count(({ change, reshaped }) => change === 'incomparable' && !reshaped),
    retyped: count(({ retyped }) => retyped),
    reshaped: count(({ reshaped }) => reshaped),
    added: count(({ change }) => change === 'added'),
    removed: count(({ change }) => change === 'removed'),
    comparison: diffs
      .filter(isWeight)
      .reduce((sum, { comparison }) => addComparisons(sum, comparison ?? NO_COMPARISON), NO_COMPARISON),
  }
}

function isWeight({ a, b, place }: TensorDiff): boolean {
  return place.component !== 'alphas' && [a, b].every((tensor) => tensor && isFloat(tensor.dtype))
}

/** The tensors of a component, a block or the same layers of a block. */
export interface Group extends Tally {
  readonly component: DiffPlace['component']
  readonly title: string
}

export interface BlockGroup extends Group {
  readonly block: BlockLabel
}

export interface LayerGroup extends BlockGroup {
  readonly layer: string
}

const COMPONENT_ORDER: readonly string[] = [...Object.keys(COMPONENTS), ...Object.keys(TARGETS), 'alphas']

/** One for each component, in the order of a model. */
export function byComponent(diffs: readonly TensorDiff[]): Group[] {
  return grouped(diffs, ({ component }) => component)
    .map((group) => {
      const { component, title } = group[0]!.place
      return { component, title, ...tally(group) }
    })
    .sort((a, b) => COMPONENT_ORDER.indexOf(a.component) - COMPONENT_ORDER.indexOf(b.component))
}

/** One for each block, component after component, in the order of a model. */
export function byBlock(diffs: readonly TensorDiff[]): BlockGroup[] {
  return grouped(diffs, ({ component, block }) => `${component} ${block}`)
    .map((group) => {
      const { component, title, block } = group[0]!.place
      return { component, title, block, ...tally(group) }
    })
    .sort(
      (a, b) =>
        COMPONENT_ORDER.indexOf(a.component) - COMPONENT_ORDER.indexOf(b.component) ||
        compareBlocks(a.block, b.block),
    )
}

/** One for each kind of layer in each block. */
export function byLayer(diffs: readonly TensorDiff[]): LayerGroup[] {
  return grouped(diffs, ({ component, block, layer }) => `${component} ${block} ${layer}`)
    .map((tensors) => {
      const { component, title, block, layer } = tensors[0]!.place
      return { component, title, block, layer, ...tally(tensors) }
    })
    .sort((a, b) => compareLayers(a.layer, b.layer))
}

function grouped(diffs: readonly TensorDiff[], keyOf: (place: DiffPlace) => string): TensorDiff[][] {
  const groups = new Map<string, TensorDiff[]>()
  for (const diff of diffs) {
    const key = keyOf(diff.place)
    const group = groups.get(key)
    if (group) group.push(diff)
    else groups.set(key, [diff])
  }
  return [...groups.values()]
}
