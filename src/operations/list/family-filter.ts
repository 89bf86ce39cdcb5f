/** `--base`: the files of a library that are of a family, or of one of its models. */
import { fitsBase, isOfBases } from '../../civitai/api/base-claim.ts'
import { BASE_SPELLINGS, type BaseModel, baseModelsFor, foldedBase } from '../../civitai/api/base-models.ts'
import { FAMILIES } from '../../model/families.ts'
import { usage } from '../../system/errors.ts'
import { nearestNames } from '../../system/nearest.ts'
import { messages } from './messages.ts'
import type { LibraryFile } from './models.ts'

/** What of a file the filter looks at. */
type Filtered = Pick<LibraryFile, 'facts' | 'baseModel'>

/**
 * Families by any word for them: those of `search --base`, ids and titles of sdtool. What only values tell (Pony of SDXL)
 * is known by the `.civitai.info` beside a file, where keys and shapes do not contradict it.
 * @throws USAGE (exit 2) for a word that names none
 */
export function familyFilter(words: readonly string[]): (file: Filtered) => boolean {
  const wanted = words.map((word) => {
    const found = { bases: baseModelsFor(word), families: familiesFor(word) }
    if (found.bases.length + found.families.length === 0) throw unknown(word)
    return found
  })
  const bases = wanted.flatMap((found) => found.bases)
  const families = new Set(wanted.flatMap((found) => found.families))
  return ({ facts = {}, baseModel }) =>
    (facts.family !== undefined && families.has(facts.family)) ||
    isOfBases(facts, bases) ||
    bases.some((base) => isCalled(base, baseModel, facts))
}

function isCalled(base: BaseModel, baseModel: string | undefined, facts: Parameters<typeof fitsBase>[0]) {
  return base.name === baseModel && fitsBase(facts, base)
}

function familiesFor(word: string): string[] {
  const wanted = foldedBase(word)
  return FAMILIES.filter((family) =>
    [family.id, family.title, ...family.architectures].some((name) => foldedBase(name) === wanted),
  ).map(({ id }) => id)
}

function unknown(word: string) {
  const nearest = nearestNames(word, [...BASE_SPELLINGS, ...FAMILIES.map(({ id }) => id)])
  return usage(messages.unknownFamily(word), messages.nearestFamilies(nearest.join(', ')))
}
