/** Ratios of blocks, as people write them. */

import { usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import { EVEN_PRESETS, LISTED_PRESETS, NO_BLOCKS } from './block-presets.ts'
import { BLOCK_LISTS, type BlockRatios, type BlockRule } from './block-ratios.ts'
import { messages } from './messages.ts'

/**
 * `IN04=0.5,OUT*=0`, a list of 12, 17, 20 or 26 numbers, or the name of such a list.
 * @param of where it stands, for messages
 * @throws USAGE (exit 2)
 */
export function blockRatios(text: string, of = '--blocks'): BlockRatios {
  const items = text.split(',').map((item) => item.trim())
  if (items.some((item) => item.includes('='))) return { rules: items.map((item) => namedRule(item, of)) }
  const name = items[0]!.toUpperCase()
  if (items.length > 1 || !Number.isNaN(Number(name))) return listed(items, of)
  if (Object.hasOwn(EVEN_PRESETS, name)) {
    return { rules: [{ name: '*', factor: EVEN_PRESETS[name]!, matches: () => true }] }
  }
  if (!Object.hasOwn(LISTED_PRESETS, name)) throw noPreset(of, items[0]!, LORA_PRESETS)
  return listed(LISTED_PRESETS[name]!.map(String), of)
}

const LORA_PRESETS = [...Object.keys(EVEN_PRESETS), ...Object.keys(LISTED_PRESETS)]

/**
 * Whether a text can only mean ratios of blocks: in a tag of a prompt they may stand without a name. `0,7` is none: it
 * is a ratio with a comma.
 */
export function looksLikeBlocks(text: string): boolean {
  return text.split(',').length in BLOCK_LISTS || [...LORA_PRESETS, NO_BLOCKS].includes(text.toUpperCase())
}

/** The error for an unknown name of block weights. */
export function noPreset(of: string, name: string, names: readonly string[]): Error {
  return usage(messages.noPreset(of, name), messages.thereAre(names))
}

/** `OUT*=0` @throws USAGE (exit 2) */
export function namedRule(item: string, of: string): BlockRule {
  const [name, value] = item.split('=', 2) as [string, string | undefined]
  if (name === '' || value === undefined) throw badItem(item, of)
  // a name without a star is the whole name: OUT1 must not mean OUT10
  const pattern = name.toUpperCase()
  const isMeant = /[*?]/.test(pattern) ? globMatcher(pattern) : (label: string) => label === pattern
  return { name, factor: factor(value, item, of), matches: (label) => isMeant(label.toUpperCase()) }
}

function listed(items: readonly string[], of: string): BlockRatios {
  const labels = BLOCK_LISTS[items.length]
  if (labels === undefined)
    throw usage(messages.wrongListLength(of, items.length), messages.listLengths(Object.keys(BLOCK_LISTS)))
  const rules = items.map((item, i): BlockRule => {
    const name = labels[i]!
    return { name, factor: factor(item, item, of), matches: (label) => label === name }
  })
  return { rules, list: items.length }
}

/** @param item for messages: all of what the number stands in @throws USAGE (exit 2) */
export function factor(text: string, item: string, of: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw badItem(item, of)
  return value
}

function badItem(item: string, of: string): Error {
  return usage(messages.notBlockRatio(of, item), messages.writeBlockRatios)
}
