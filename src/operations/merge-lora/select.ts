/** Which modules of an adapter are meant, and which layer of the base each of them changes. */

import { type BasePart, partFor } from '../../model/adapters/base-parts.ts'
import type { ModuleTarget } from '../../model/adapters/keymap/target.ts'
import { lookupName } from '../../model/adapters/keymap.ts'
import type { AdapterModule } from '../../model/adapters/modules.ts'
import { doubledPrefix, type TargetId } from '../../model/adapters/targets.ts'
import type { BlockLabel } from '../../model/networks/blocks.ts'
import { blockFactor, isFilled } from './block-ratios.ts'
import type { LoraInput, LoraRatio, MergeLoraPlanOptions, NamePattern } from './plan-options.ts'
import { type NetworkSide, sideOf, sideOfPart } from './sides.ts'

/** A module with the layer it changes. */
export interface PlacedModule {
  readonly module: AdapterModule
  readonly part: BasePart
  readonly place: ModuleTarget
  /** The weights that the layer is kept in, one below the other, where that is not one: `place` is the first, with the shape of all. */
  readonly pieces?: readonly ModuleTarget[]
  readonly block: BlockLabel
  /** Of the adapter, its side and its block. */
  readonly ratio: number
}

/** Why something of an adapter cannot be applied. */
export type UnmatchedReason =
  /** The base has no such part (no text encoder, no second one). */
  | 'no-part'
  | 'unknown-name'
  | 'doubled-prefix'
  /** Shapes. */
  | 'misfit'
  | 'incomplete'
  | 'no-bias'
  /** Another module of the file changes the same layer. */
  | 'same-layer'
  | 'alpha-zero'
  /** A key that belongs to no module, or that the algorithm of its module does not use. */
  | 'stray'

export interface Unmatched {
  /** Of the module, or the key of a tensor. */
  readonly name: string
  readonly target: TargetId
  readonly reason: UnmatchedReason
  /** End of a sentence: "it is for 2048 inputs, the weight has 768". */
  readonly detail?: string
  /** The module and the layer it would change, where there is one. */
  readonly placed?: PlacedModule
}

/** What became of the modules of an adapter. */
export interface LoraResult {
  readonly input: LoraInput
  readonly matched: readonly PlacedModule[]
  readonly unmatched: readonly Unmatched[]
  /** Modules that options leave out, or whose ratio is 0. */
  readonly leftOut: readonly AdapterModule[]
  /** Blocks that a list of ratios has no place for. */
  readonly filled: ReadonlySet<BlockLabel>
}

/** Where modules may have their layers. */
export interface PlacingBase {
  readonly parts: readonly BasePart[]
  /** The block that a key of a part lies in. */
  readonly blockOf: (part: BasePart, key: string) => BlockLabel
  /** No known architecture: modules may be called as the file calls its layers. */
  readonly isUnknown: boolean
}

export interface Selection {
  readonly placed: readonly PlacedModule[]
  readonly unmatched: readonly Unmatched[]
  /** Modules that options leave out, or whose ratio is 0. */
  readonly leftOut: readonly AdapterModule[]
  /** Blocks that a list of ratios has no place for. */
  readonly filled: ReadonlySet<BlockLabel>
}

/** Notes the patterns that have matched something. */
export type UsedPatterns = Set<NamePattern>

/** @throws BLOCK_WITHOUT_RATIO (exit 2) */
export function selectModules(
  modules: readonly AdapterModule[],
  base: PlacingBase,
  { ratio, blocks }: Pick<LoraInput, 'ratio' | 'blocks'>,
  options: MergeLoraPlanOptions,
  used: UsedPatterns,
): Selection {
  const placed: PlacedModule[] = []
  const unmatched: Unmatched[] = []
  const leftOut: AdapterModule[] = []
  const filled = new Set<BlockLabel>()
  for (const module of modules) {
    const found = placeOf(module, base)
    const side = sideOfFound(found, module)
    if (!isSelected(namesFor(found, module), side, ratio, options, used)) {
      leftOut.push(module)
      continue
    }
    if ('reason' in found) {
      unmatched.push({ name: module.name, target: module.target, ...found })
      continue
    }
    const { part, place } = found
    const block = base.blockOf(part, place.weight)
    if (blocks && isFilled(blocks, block, side)) filled.add(block)
    const strength = ratio[side] * (blocks ? blockFactor(blocks, block, side) : 1)
    if (strength === 0) leftOut.push(module)
    else placed.push({ module, ...found, block, ratio: strength })
  }
  return { placed, unmatched, leftOut, filled }
}

type Found = Pick<PlacedModule, 'part' | 'place' | 'pieces'> | Pick<Unmatched, 'reason'>

function placeOf(module: AdapterModule, { parts, isUnknown }: PlacingBase): Found {
  const part = partFor(parts, module.target)
  const place = part?.names.get(lookupName(module.path))
  if (part !== undefined && place !== undefined) return { part, place }
  const pieces = part?.parted.get(lookupName(module.path))
  if (part !== undefined && pieces !== undefined) return { part, place: joinedPlace(pieces), pieces }
  const isNamed = isUnknown || part === undefined || module.target === 'other'
  const own = isNamed ? placeByName(module, parts) : undefined
  if (own !== undefined) return own
  if (doubledPrefix(module) !== undefined) return { reason: 'doubled-prefix' }
  return { reason: part === undefined && module.target !== 'other' ? 'no-part' : 'unknown-name' }
}

/** All pieces of a layer as the one weight that a module was trained for. */
function joinedPlace([first, ...others]: readonly ModuleTarget[]): ModuleTarget {
  const [rows = 0, ...inputs] = first!.shape
  return { ...first!, shape: [others.reduce((sum, { shape }) => sum + shape[0]!, rows), ...inputs] }
}

function sideOfFound(found: Found, { target }: AdapterModule): NetworkSide {
  return 'part' in found ? sideOfPart(found.part) : sideOf(target)
}

/** Under which patterns may know the module. */
function namesFor(found: Found, { name }: AdapterModule): string[] {
  return 'place' in found ? [name, found.place.weight] : [name]
}

/** The layer that the file calls as the module is called; undefined where that is not one layer. */
function placeByName({ name }: AdapterModule, parts: readonly BasePart[]): Found | undefined {
  const found = parts.flatMap((part) => {
    const { prefix } = part.component
    const local = name.startsWith(prefix) ? name.slice(prefix.length) : name
    const place = part.names.get(lookupName(local))
    return place === undefined ? [] : [{ part, place }]
  })
  return found.length === 1 ? found[0] : undefined
}

/**
 * Whether options ask for something of an adapter.
 * @param names under which patterns may know it
 */
export function isSelected(
  names: readonly string[],
  side: NetworkSide,
  ratio: LoraRatio,
  { only, include = [], exclude = [] }: MergeLoraPlanOptions,
  used: UsedPatterns,
): boolean {
  // every pattern is tried, as one that matches nothing anywhere is a mistake to report
  const hits = (patterns: readonly NamePattern[]) => patterns.filter(({ matches }) => names.some(matches))
  const [included, excluded] = [hits(include), hits(exclude)]
  for (const pattern of [...included, ...excluded]) used.add(pattern)
  if (excluded.length > 0 || (include.length > 0 && included.length === 0)) return false
  return (only ?? side) === side && ratio[side] !== 0
}
