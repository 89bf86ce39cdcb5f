import { usage } from '../errors.ts'
import { type BlockWeights, isListLength, type KeyWeight } from '../model/merge/block-weights.ts'
import { BLOCK_PRESETS } from '../model/merge/presets.ts'
import { EVEN_PRESETS, LISTED_PRESETS } from '../model/merge-lora/block-presets.ts'
import { BLOCK_LISTS, type BlockRatios, type BlockRule } from '../model/merge-lora/block-ratios.ts'
import { quoted } from '../tensor/text.ts'
import type { Arguments } from './command.ts'
import { globMatcher } from './glob.ts'
import { list } from './options.ts'

/**
 * `IN04=0.5,OUT*=0`, a list of 12, 17, 20 or 26 numbers, or the name of such a list.
 * @param of where it stands, for messages
 * @throws USAGE
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
  return text.split(',').length in BLOCK_LISTS || LORA_PRESETS.includes(text.toUpperCase())
}

/**
 * Block weights of a merge: `IN04=0.5,OUT*=0`, a list of numbers as merge-block-weighted tools take it, or the name of
 * such a list. Undefined without the option.
 * @throws USAGE
 */
export function blockWeights(args: Arguments, option: 'blocks' | 'blocks-beta'): BlockWeights | undefined {
  const of = `--${option}`
  const items = list(args, option).map((item) => item.trim())
  if (items.length === 0) return undefined
  if (items.some((item) => item.includes('='))) return { rules: items.map((item) => namedRule(item, of)) }
  const name = items[0]!.toUpperCase()
  if (items.length === 1 && Object.hasOwn(BLOCK_PRESETS, name)) return { name, numbers: BLOCK_PRESETS[name]! }
  if (items.length === 1 && Number.isNaN(Number(name)))
    throw noPreset(of, items[0]!, Object.keys(BLOCK_PRESETS))
  if (isListLength(items.length)) return { numbers: items.map((item) => factor(item, item, of)) }
  throw usage(
    `${of} has ${items.length} numbers`,
    'Lists have 25 or 26 numbers, for SDXL 19, 20 or 21; single blocks are named: --blocks IN04=0.5,OUT*=0.',
  )
}

function noPreset(of: string, name: string, names: readonly string[]): Error {
  return usage(`${of} ${name}: there are no weights of that name`, `There are ${names.join(', ')}.`)
}

/** `--keys "*attn2.to_k*=0.2"`, with the number behind the last equals sign. @throws USAGE */
export function keyWeights(args: Arguments): KeyWeight[] {
  return list(args, 'keys').map((item) => {
    const at = item.lastIndexOf('=')
    const [pattern, value] = [item.slice(0, Math.max(0, at)), item.slice(at + 1).trim()]
    const number = value === '' ? Number.NaN : Number(value)
    if (pattern === '' || !Number.isFinite(number)) {
      throw usage(`--keys: ${quoted(item)} is no weight of keys`, 'Write "*attn2.to_k*=0.2".')
    }
    return { text: `--keys ${item}`, matches: globMatcher(pattern), value: number }
  })
}

function namedRule(item: string, of: string): BlockRule {
  const [name, value] = item.split('=', 2) as [string, string | undefined]
  if (name === '' || value === undefined) throw badItem(item, of)
  // a name without a star is the whole name: OUT1 must not mean OUT10
  const pattern = name.toUpperCase()
  const matches = /[*?]/.test(pattern) ? globMatcher(pattern) : (label: string) => label === pattern
  return { name, factor: factor(value, item, of), matches }
}

function listed(items: readonly string[], of: string): BlockRatios {
  const labels = BLOCK_LISTS[items.length]
  if (labels === undefined) {
    const lengths = Object.keys(BLOCK_LISTS).join(', ')
    throw usage(
      `${of} has ${items.length} numbers`,
      `Lists have ${lengths} numbers; single blocks are named: --blocks IN04=0.5,OUT*=0.`,
    )
  }
  const rules = items.map((item, i): BlockRule => {
    const name = labels[i]!
    return { name, factor: factor(item, item, of), matches: (label) => label === name }
  })
  return { rules, list: items.length }
}

function factor(text: string, item: string, of: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw badItem(item, of)
  return value
}

function badItem(item: string, of: string): Error {
  return usage(
    `${of}: ${quoted(item)} is no ratio of a block`,
    'Write IN04=0.5, OUT*=0, or a list of numbers.',
  )
}
