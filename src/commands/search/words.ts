/** Names of types and base models for the command line, and how the site spells them. */
import { type Api, optionally, type SiteNames } from '../../civitai/api/api.ts'
import { BASE_SPELLINGS, baseModelsFor, foldedBase } from '../../civitai/api/base-models.ts'
import { usage } from '../../system/errors.ts'
import { nearestNames } from '../../system/nearest.ts'
import { messages } from './messages.ts'

/** Source: civitai/civitai, `ModelType`. `lora` stands for all three kinds of LoRAs. */
export const TYPE_WORDS: Readonly<Record<string, readonly string[]>> = {
  checkpoint: ['Checkpoint'],
  lora: ['LORA', 'LoCon', 'DoRA'],
  locon: ['LoCon'],
  dora: ['DoRA'],
  embedding: ['TextualInversion'],
  hypernetwork: ['Hypernetwork'],
  vae: ['VAE'],
  controlnet: ['Controlnet'],
  upscaler: ['Upscaler'],
  motion: ['MotionModule'],
  'text-encoder': ['TextEncoder'],
  wildcards: ['Wildcards'],
  workflow: ['Workflows'],
  poses: ['Poses'],
  detection: ['Detection'],
  other: ['Other'],
}

export const SORT_WORDS: Readonly<Record<string, string>> = {
  downloads: 'Most Downloaded',
  rating: 'Highest Rated',
  likes: 'Most Liked',
  newest: 'Newest',
  oldest: 'Oldest',
}

export const PERIOD_WORDS: Readonly<Record<string, string>> = {
  all: 'AllTime',
  year: 'Year',
  month: 'Month',
  week: 'Week',
  day: 'Day',
}

/** One of the site's lists of names, as far as sdtool knows it. */
interface NameList {
  readonly option: 'type' | 'base'
  /** The names that a word stands for; none for an unknown one. */
  namesOf(word: string): readonly string[]
  /** Every word and name, for a hint about one that is mistyped. */
  readonly spellings: readonly string[]
  readonly onSite: keyof SiteNames
}

const TYPES: NameList = {
  option: 'type',
  namesOf(word) {
    const key = word.toLowerCase()
    return Object.hasOwn(TYPE_WORDS, key) ? TYPE_WORDS[key]! : []
  },
  spellings: Object.keys(TYPE_WORDS),
  onSite: 'types',
}

const BASES: NameList = {
  option: 'base',
  namesOf: (word) => baseModelsFor(word).map(({ name }) => name),
  spellings: BASE_SPELLINGS,
  onSite: 'baseModels',
}

/** What the site calls the types that were asked for. @throws USAGE (exit 2) for one it does not have; what `Api` throws */
export function typeNames(words: readonly string[], api: Api): Promise<string[]> {
  return namesFor(words, TYPES, api)
}

/** The same of base models. @throws USAGE (exit 2) for one it does not have; what `Api` throws */
export function baseNames(words: readonly string[], api: Api): Promise<string[]> {
  return namesFor(words, BASES, api)
}

/** The site is asked only for words that sdtool does not know: it answers a wrong name with a list of all it has. */
async function namesFor(words: readonly string[], list: NameList, api: Api): Promise<string[]> {
  const names = words.map((word) => ({ word, known: list.namesOf(word) }))
  const isKnown = names.every(({ known }) => known.length > 0)
  const onSite = isKnown ? [] : ((await optionally(() => api.names()))?.[list.onSite] ?? [])
  return [
    ...new Set(names.flatMap(({ word, known }) => (known.length > 0 ? known : live(word, onSite, list)))),
  ]
}

function live(word: string, onSite: readonly string[], { option, spellings }: NameList): string[] {
  const found = onSite.filter((name) => foldedBase(name) === foldedBase(word))
  if (found.length > 0) return found
  const known = new Set(spellings.map(foldedBase))
  const others = onSite.filter((name) => !known.has(foldedBase(name)))
  const nearest = nearestNames(word, [...spellings, ...others])
  const hint = nearest.length > 0 ? messages.nearestNames(nearest.join(', ')) : messages.seeHelp
  throw usage(messages.unknownName(option, word), hint)
}
