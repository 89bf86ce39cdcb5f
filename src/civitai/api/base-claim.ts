/** What the site says a model is for, beside what its keys and shapes say. */
import { type FamilyFacts, familyById, familyFacts, familyTitle } from '../../model/families.ts'
import type { Identity } from '../../model/identity.ts'
import { BASE_MODELS, type BaseModel, baseModelByName } from './base-models.ts'

/** Families whose adapters have the same layers, so that keys do not tell which of the two they are for. */
const SAME_LAYERS: readonly (readonly [string, string])[] = [
  ['flux', 'chroma'],
  ['sdxl', 'kolors'],
  ['anima', 'cosmos-predict2'],
]

/** Families for which the site has the name of another one. */
const NAMED_LIKE: Readonly<Record<string, string>> = {
  'sdxl-refiner': 'sdxl',
  'chroma-radiance': 'chroma',
  'hunyuan-video-1.5': 'hunyuan-video',
}

function siteFamily(family: string | undefined): string | undefined {
  return family === undefined ? undefined : (NAMED_LIKE[family] ?? family)
}

function mayBe(family: string, other: string): boolean {
  return family === other || SAME_LAYERS.some((pair) => pair.includes(family) && pair.includes(other))
}

/** Whether a model of this family can be what the site calls it; yes where one of the two is not known. */
export function fitsBase(facts: FamilyFacts, base: BaseModel): boolean {
  const family = siteFamily(facts.family)
  // of a family that sdtool does not know, it cannot say what it looks like
  if (family === undefined || base.family === undefined || familyById(base.family) === undefined) return true
  return (
    mayBe(family, base.family) &&
    (['architecture', 'variant'] as const).every((key) => {
      return facts[key] === undefined || base[key] === undefined || facts[key] === base[key]
    })
  )
}

/** Whether a model of this family contradicts what the site calls it. */
export function contradictsBase(facts: FamilyFacts, baseModel: string | undefined): boolean {
  const base = baseModel === undefined ? undefined : baseModelByName(baseModel)
  return base !== undefined && !fitsBase(facts, base)
}

/** The title of what a model is, where that is not what the site calls it. */
export function actualFamily(identity: Identity, baseModel: string | undefined): string | undefined {
  const facts = familyFacts(identity)
  return contradictsBase(facts, baseModel) ? familyTitle(facts) : undefined
}

/** Whether keys and shapes alone say that a model is of one of these bases. */
export function isOfBases(facts: FamilyFacts, bases: readonly BaseModel[]): boolean {
  const family = siteFamily(facts.family)
  const own = BASE_MODELS.filter((base) => base.family === family && !base.isFinetune)
  if (family === undefined || own.length === 0) return false
  return own.every((base) => bases.includes(base)) || bases.some((base) => isToldBy(facts, base, own))
}

/** A base without a variant is what its siblings are not. */
function isToldBy({ architecture, variant }: FamilyFacts, base: BaseModel, siblings: readonly BaseModel[]) {
  if (base.byName || !siblings.includes(base)) return false
  if (base.architecture !== undefined) return architecture === base.architecture
  if (base.variant !== undefined) return variant === base.variant
  return variant === undefined || !siblings.some((other) => other.variant === variant)
}
