/** Names without what programs put around them. */
import { EMA_PREFIX, emaName } from '../identify/ema.ts'
import { provenArchitecture } from '../networks/architectures/proof.ts'
import { UNTOLD_SHAPE } from '../networks/topology/match.ts'
import { isOwned, placeOf } from './split.ts'
import { WRAPPERS } from './wrappers.ts'

const INNER = WRAPPERS.filter(({ place }) => place === 'anywhere').map(({ word }) => word)
const FRONT = WRAPPERS.filter(({ place }) => place === 'front')

const RE_INNER = new RegExp(`(^|\\.)(?:(?:${INNER.join('|')})\\.)+`, 'g')

/** Without the words that stand anywhere. */
export function withoutInner(name: string): string {
  return name.replace(RE_INNER, '$1')
}

/** Words in front of a model, one behind the other; deeper nesting is not a model. */
const MAX_FRONTS = 4

/**
 * What stands in front of the names that give a network away. In a file that has checkpoint prefixes, what is left must
 * have one, too: a program looks for nothing else there.
 */
function frontsOf(names: readonly string[]): string[] {
  const isCheckpoint = names.some((name) => placeOf(name) === 'checkpoint')
  const fronts = new Set(names.flatMap((name) => frontOf(name, isCheckpoint) ?? []))
  return [...fronts].filter((front) => !isPublishedWith(front, names)).sort((a, b) => b.length - a.length)
}

/** Some families have a word in front of all names in every file of them. */
function isPublishedWith(front: string, names: readonly string[]): boolean {
  const all = new Set(names)
  const proven = provenArchitecture((key) => (all.has(front + key) ? UNTOLD_SHAPE : undefined))
  return proven?.architecture.prefix === front
}

function wordInFront(name: string): string | undefined {
  return FRONT.find(({ word }) => name.startsWith(`${word}.`))?.word
}

/** Undefined where nothing stands in front of a name, or what is left is the name of no network. */
function frontOf(name: string, isCheckpoint: boolean): string | undefined {
  if (wordInFront(name) === undefined || isOwned(name) || placeOf(name) !== undefined) return undefined
  let rest = name
  for (let n = 0; n < MAX_FRONTS; n++) {
    const word = wordInFront(rest)
    if (word === undefined) return undefined
    rest = rest.slice(word.length + 1)
    const place = placeOf(rest)
    const isModel = isCheckpoint ? place === 'checkpoint' : place !== undefined
    if (isModel) return name.slice(0, name.length - rest.length)
  }
  return undefined
}

/** Without the words in front of a whole model. */
export function withoutFronts(names: readonly string[]): string[] {
  const fronts = frontsOf(names)
  return names.map((name) => {
    const front = isOwned(name) ? undefined : fronts.find((one) => name.startsWith(one))
    return front === undefined ? name : name.slice(front.length)
  })
}

const UNET = 'model.diffusion_model.'

/**
 * The names of an EMA copy have lost their dots, so that words in them are found by the live name alone.
 * @param names as they stand in the file
 * @param plain what they have become
 */
export function withEmaNames(names: readonly string[], plain: readonly string[]): string[] {
  if (!plain.some((name) => name.startsWith(EMA_PREFIX))) return [...plain]
  const copies = new Map<string, string>()
  for (const [i, name] of names.entries()) {
    const live = name.slice(Math.max(0, name.indexOf(UNET)))
    if (live !== plain[i]) copies.set(emaName(live), emaName(plain[i]!))
  }
  return plain.map((name) => copies.get(name) ?? name)
}
