import type { AdapterModule } from '../../model/adapters/modules.ts'
import { MODIFIERS } from '../../model/adapters/registry.ts'
import { TARGETS, type TargetId } from '../../model/adapters/targets.ts'
import type { Identity } from '../../model/identity.ts'
import { defined } from '../../system/defined.ts'
import { messages } from './messages.ts'
import type { LoraRatio } from './plan-options.ts'
import type { LoraResult, Unmatched } from './select.ts'
import { sideOf } from './sides.ts'
import { partTitle } from './strict.ts'

/** What an adapter does to one part of the base. */
export interface LoraPart {
  readonly target: TargetId
  /** As people know the part of the base: "CLIP-L text encoder"; what trainers call it if the base has none. */
  readonly title: string
  /** "LoRA", "LoKr with DoRA". */
  readonly algorithms: readonly string[]
  /** Smallest and largest; none for algorithms without a rank. */
  readonly ranks?: readonly [number, number]
  readonly ratio: number
  /** Smallest and largest of the matched modules, where blocks have ratios of their own. */
  readonly blockRatios?: readonly [number, number]
  readonly matched: number
  readonly unmatched: number
  /** By options, or by a ratio of 0. */
  readonly leftOut: number
}

/** What an adapter does, and what of it does nothing. */
export interface LoraReport {
  readonly name: string
  /** "LoCon". */
  readonly title: string
  readonly ratio: LoraRatio
  readonly parts: readonly LoraPart[]
  readonly unmatched: readonly Pick<Unmatched, 'name' | 'target' | 'reason' | 'detail'>[]
}

export function reportOf(result: LoraResult, base: Pick<Identity, 'components'>): LoraReport {
  const { input, unmatched } = result
  const targets = Object.keys(TARGETS) as TargetId[]
  return {
    name: input.name,
    title: input.adapter.title,
    ratio: input.ratio,
    parts: targets.flatMap((target) => partReport(result, target, base) ?? []),
    unmatched: unmatched.map(({ name, target, reason, detail }) => {
      return { name, target, reason, ...defined({ detail }) }
    }),
  }
}

function partReport(
  { input, matched, unmatched, leftOut }: LoraResult,
  target: TargetId,
  base: Pick<Identity, 'components'>,
): LoraPart | undefined {
  const isMine = (one: { readonly target: TargetId }) => one.target === target
  const placed = matched.filter(({ module }) => isMine(module))
  const skipped = leftOut.filter(isMine)
  const failed = unmatched.filter((one) => isMine(one) && one.reason !== 'stray')
  if (placed.length + skipped.length + failed.length === 0) return undefined
  const modules = [...placed.map(({ module }) => module), ...skipped]
  return {
    target,
    title: placed[0]?.part.component.title ?? partTitle(target, base),
    algorithms: [...new Set(modules.map(algorithmTitle))],
    ...ranksOf(modules),
    ratio: input.ratio[sideOf(target)],
    ...(input.blocks && placed.length > 0 && { blockRatios: rangeOf(placed.map(({ ratio }) => ratio)) }),
    matched: placed.length,
    unmatched: failed.length,
    leftOut: skipped.length,
  }
}

function algorithmTitle({ algorithm, parts }: AdapterModule): string {
  const modifier = MODIFIERS.find(
    ({ of, markerRoles }) => of.includes(algorithm.id) && markerRoles.some((role) => parts.has(role)),
  )
  return modifier === undefined ? algorithm.title : messages.algorithmWith(algorithm.title, modifier.title)
}

function ranksOf(modules: readonly AdapterModule[]): Pick<LoraPart, 'ranks'> {
  const ranks = modules.flatMap(({ algorithm, parts }) => algorithm.rank?.(parts) ?? [])
  return ranks.length === 0 ? {} : { ranks: rangeOf(ranks) }
}

function rangeOf(numbers: readonly number[]): [smallest: number, largest: number] {
  return numbers.reduce<[number, number]>(
    ([a, b], n) => [Math.min(a, n), Math.max(b, n)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}
