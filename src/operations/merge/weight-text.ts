/** Weights of blocks and keys in a merge, as people write them. */

import { usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import { factor, namedRule, noPreset } from '../merge-lora/block-text.ts'
import { type BlockWeights, isListLength, type KeyWeight } from './block-weights.ts'
import { messages } from './messages.ts'
import { BLOCK_PRESETS } from './presets.ts'

/**
 * Block weights of a merge: `IN04=0.5` and `OUT*=0`, the numbers of a list as merge-block-weighted tools take it, or
 * the name of such a list. Undefined for no texts.
 * @param of where they stand, for messages
 * @throws USAGE (exit 2)
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
  throw usage(messages.wrongListLength(of, items.length), messages.anyListLength)
}

/** `*attn2.to_k*=0.2`, with the number after the last equals sign. @throws USAGE (exit 2) */
export function keyWeight(text: string): KeyWeight {
  const at = text.lastIndexOf('=')
  const [pattern, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1).trim()]
  const number = value === '' ? Number.NaN : Number(value)
  if (pattern === '' || !Number.isFinite(number)) {
    throw usage(messages.notKeyWeight(text), messages.writeKeyWeight)
  }
  return { text: `--keys ${text}`, matches: globMatcher(pattern), value: number }
}
