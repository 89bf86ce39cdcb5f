/** The options of a recipe as a command takes them. Recipes come with files, so their values are checked. */
import { refuse } from '../errors.ts'
import { isJsonObject } from '../model/metadata/json-text.ts'
import type { JsonValue, Recipe } from '../model/recipe.ts'
import { quoted } from '../tensor/text.ts'
import type { Arguments } from './command.ts'

type Reader = (value: JsonValue) => unknown

const text: Reader = (value) => (typeof value === 'string' ? value : undefined)
const number: Reader = (value) => (typeof value === 'number' ? String(value) : undefined)
const flag: Reader = (value) => (value === true ? true : undefined)

function listOf(item: Reader): Reader {
  return (value) => {
    if (!Array.isArray(value)) return undefined
    const items = value.map(item)
    return items.includes(undefined) ? undefined : items
  }
}

/** 0.7, or { unet: 0.7, text: 0.5 } where a LoRA has two strengths: `0.7:0.5` on the command line. */
const ratio: Reader = (value) => {
  if (typeof value === 'number') return String(value)
  const both = isJsonObject(value) && typeof value.unet === 'number' && typeof value.text === 'number'
  return both ? `${value.unet}:${value.text}` : undefined
}

export const READERS = {
  text,
  number,
  flag,
  texts: listOf(text),
  numbers: listOf(number),
  ratios: listOf(ratio),
} as const

/**
 * @param readers what each option of the command is
 * @throws RECIPE_UNREADABLE (exit 3) for others, and for other values: what is left out would change the result
 */
export function recipeArguments(
  options: Recipe['options'],
  readers: Readonly<Record<string, keyof typeof READERS>>,
): Arguments {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      const reader = Object.hasOwn(readers, name) ? READERS[readers[name]!] : undefined
      const argument = reader?.(value)
      if (argument === undefined) throw unreadable(name)
      return [name, argument]
    }),
  )
}

function unreadable(name: string): Error {
  return refuse(
    'RECIPE_UNREADABLE',
    `the recipe has an option ${quoted(name)} that this version of sdtool cannot repeat`,
    'A later version may know it.',
  )
}
