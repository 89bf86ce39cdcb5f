/** The families that an adapter may be for, as far as its layers and its metadata say. */
import { type BaseId, baseById } from '../../model/adapters/base.ts'
import type { AdapterBase } from '../../model/adapters/info.ts'
import type { Identity } from '../../model/identity.ts'
import type { LoraResult } from './select.ts'
import { messages } from './unmatched-messages.ts'

/** What layers leave open, or the one of it that metadata say. */
export function familiesOf({ architecture, possible, claimed }: AdapterBase): readonly BaseId[] {
  if (possible === undefined) return architecture === undefined ? [] : [architecture]
  return claimed !== undefined && possible.includes(claimed) ? [claimed] : possible
}

/** Of a LoRA of a few layers, which may be for ten of them. */
const MOST_TITLES = 3

/**
 * "Chroma or Flux.1", that of the base first: the families that a LoRA may be for, where its layers fit the base and others
 * too, and nothing says that it was trained for this one: it is the usual one of none, or of another. Undefined where metadata
 * or layers say more.
 */
export function familiesLeftOpen({ input }: LoraResult, { architecture }: Identity): string | undefined {
  const { base } = input.adapter
  const families = familiesOf(base)
  if (architecture === undefined || families.length < 2) return undefined
  if (base.architecture !== undefined && isOfFamily(base.architecture, architecture.id)) return undefined
  const own = families.filter((family) => isOfFamily(family, architecture.id))
  const ordered = [...own, ...families.filter((family) => !own.includes(family))]
  if (ordered.length <= MOST_TITLES) return titlesOf(ordered)
  const named = ordered.slice(0, MOST_TITLES - 1)
  return `${titlesOf(named)} or ${messages.otherFamilies(ordered.length - named.length)}`
}

export function titlesOf(families: readonly BaseId[]): string {
  return families.map((family) => baseById(family).title).join(' or ')
}

export function isOfFamily(family: BaseId, architecture: string): boolean {
  return baseById(family).architectures.includes(architecture)
}
