/** Weights of blocks and keys in a merge, as people write them. */
import { usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import { quoted } from '../../system/text.ts'
import { factor, namedRule, noPreset } from '../merge-lora/block-text.ts'
import { type BlockWeights, isListLength, type KeyWeight } from './block-weights.ts'
import { BLOCK_PRESETS } from './presets.ts'

/**
 * Block weights of a merge: `IN04=0.5` and `OUT*=0`, the numbers of a list as merge-block-weighted tools take it, or
 * the name of such a list. Undefined for no texts.
 * @param of where they stand, for messages
 * @throws USAGE
 */
export function blockWeights(texts: readonly string[], of: string): BlockWeights | undefined {
  const items = texts.map((item) => item.trim())
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

/** `*attn2.to_k*=0.2`, with the number behind the last equals sign. @throws USAGE */
export function keyWeight(text: string): KeyWeight {
  const at = text.lastIndexOf('=')
  const [pattern, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1).trim()]
  const number = value === '' ? Number.NaN : Number(value)
  if (pattern === '' || !Number.isFinite(number)) {
    throw usage(`--keys: ${quoted(text)} is no weight of keys`, 'Write "*attn2.to_k*=0.2".')
  }
  return { text: `--keys ${text}`, matches: globMatcher(pattern), value: number }
}
