/** The family of a model by the word that adapters for it have, too: one word for all sizes of Stable Diffusion 3. */
import { defined } from '../system/defined.ts'
import { BASE_IDS, baseById, baseOfArchitecture } from './adapters/base.ts'
import type { Identity } from './identity.ts'
import { ARCHITECTURES, architectureById } from './networks/architectures/registry.ts'

/** A base of adapters or, where there is none, an architecture. */
export interface Family {
  readonly id: string
  readonly title: string
  /** Ids of the registry. */
  readonly architectures: readonly string[]
}

/** Every family sdtool knows. */
export const FAMILIES: readonly Family[] = [
  ...BASE_IDS.map((id) => ({ id, ...baseById(id) })),
  ...ARCHITECTURES.filter(({ id }) => baseOfArchitecture(id) === undefined).map(({ id, title }) => ({
    id,
    title,
    architectures: [id],
  })),
]

export function familyById(id: string): Family | undefined {
  return FAMILIES.find((family) => family.id === id)
}

/** What is known of a model's family by its keys and shapes; of an adapter also by what its trainer wrote. */
export interface FamilyFacts {
  readonly family?: string
  /** Id of the registry, which is not known of adapters. */
  readonly architecture?: string
  /** Of the architecture: `klein-4b`. */
  readonly variant?: string
}

/** Of a model by its architecture. */
export function familyOf({ id }: { readonly id: string }): string {
  return baseOfArchitecture(id) ?? id
}

export function familyFacts({ architecture, adapter, embedding }: Identity): FamilyFacts {
  if (architecture) {
    const { variant } = architecture
    return defined({ family: familyOf(architecture), architecture: architecture.id, variant })
  }
  return defined({ family: adapter?.base.architecture ?? adapter?.base.claimed ?? embedding?.architecture })
}

/** "Flux.2 klein 4B". */
export function familyTitle({ family, architecture, variant }: FamilyFacts): string | undefined {
  const known = architecture === undefined ? undefined : architectureById(architecture)
  if (known === undefined) return family === undefined ? undefined : familyById(family)?.title
  const own = known.variants.find(({ id }) => id === variant)
  return own === undefined ? known.title : `${known.title} ${own.title}`
}
