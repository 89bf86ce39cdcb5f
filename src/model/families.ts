/** The family of a model by the word that adapters for it have, too: one word for all sizes of Stable Diffusion 3. */
import { defined } from '../system/defined.ts'
import { BASE_IDS, type BaseId, baseById } from './adapters/base.ts'
import type { Identity } from './identity.ts'
import { ARCHITECTURES, architectureById } from './networks/architectures/registry.ts'

/** A base of adapters or, where there is none, an architecture. */
export interface Family {
  readonly id: string
  readonly title: string
  /** Ids of the registry. */
  readonly architectures: readonly string[]
}

const OF_ADAPTERS: readonly Family[] = BASE_IDS.map((id) => ({ id, ...baseById(id) }))

/** Two architectures of one title are one family under the names of two programs. */
function byTitle(): Family[] {
  const others = ARCHITECTURES.filter(
    ({ id }) => !OF_ADAPTERS.some((family) => family.architectures.includes(id)),
  )
  return [...new Set(others.map(({ title }) => title))].map((title) => {
    const architectures = others.filter((one) => one.title === title).map(({ id }) => id)
    return { id: architectures[0]!, title, architectures }
  })
}

/** Every family sdtool knows. */
export const FAMILIES: readonly Family[] = [...OF_ADAPTERS, ...byTitle()]

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
export function familyOf({ id }: { readonly id: string }): string | undefined {
  return FAMILIES.find(({ architectures }) => architectures.includes(id))?.id
}

export function familyFacts({ architecture, adapter, embedding }: Identity): FamilyFacts {
  if (architecture) {
    const { variant } = architecture
    return defined({ family: familyOf(architecture), architecture: architecture.id, variant })
  }
  const family = adapter?.base.architecture ?? adapter?.base.claimed ?? embedding?.architecture
  return defined({ family })
}

/** "Flux.2 klein 4B". */
export function familyTitle({ family, architecture, variant }: FamilyFacts): string | undefined {
  const known = architecture === undefined ? undefined : architectureById(architecture)
  if (known === undefined) return family === undefined ? undefined : familyById(family)?.title
  const own = known.variants.find(({ id }) => id === variant)
  return own === undefined ? known.title : `${known.title} ${own.title}`
}
