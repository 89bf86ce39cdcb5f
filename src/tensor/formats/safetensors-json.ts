/**
 * What `JSON.parse` reads in a safetensors header and the reference does not: two readers would see two files.
 * Source: safetensors 0.8 in Rust, whose serde_json takes sizes as `usize` and strings as UTF-8.
 */
import { isUnpaired } from '../../system/text.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Characters by which JSON is scanned without making anything of it. */
export const CODE = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

const SIZES = new Set(['shape', 'data_offsets'])
/** Of the arrays in the tensors. */
const SIZES_DEPTH = 3

/**
 * The first size that is not a plain whole number, as it is written: `1.0`, `1e0`, `-0`. Negative ones are refused by name.
 * @param text sound JSON
 */
export function oddSize(text: string): string | undefined {
  let depth = 0
  let last = ''
  let key = ''
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    depth += nesting(c)
    if (c === CODE.quote) {
      const end = endOfString(text, i)
      last = depth === SIZES_DEPTH - 1 ? text.slice(i, end + 1) : ''
      i = end
    } else if (c === CODE.colon && depth === SIZES_DEPTH - 1) key = keyOf(last)
    else if (depth === SIZES_DEPTH && SIZES.has(key)) {
      const number = numberAt(text, i)
      if (isOdd(number)) return number
      i += Math.max(0, number.length - 1)
    }
  }
  return undefined
}

/** What a character does to the depth. */
function nesting(c: number): number {
  if (c === CODE.openBrace || c === CODE.openBracket) return 1
  return c === CODE.closeBrace || c === CODE.closeBracket ? -1 : 0
}

function isOdd(number: string): boolean {
  return number !== '' && !/^(\d+|-[1-9]\d*)$/.test(number)
}

function keyOf(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

/** Empty where no number begins. */
function numberAt(text: string, start: number): string {
  if (!/[\d-]/.test(text[start]!)) return ''
  let end = start + 1
  while (/[\d.eE+-]/.test(text[end] ?? '')) end++
  return text.slice(start, end)
}

/** Index of the quote that ends the string starting at `start`. */
export function endOfString(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text.charCodeAt(i) !== CODE.quote)
    i += text.charCodeAt(i) === CODE.backslash ? 2 : 1
  return i
}

/** Keys of the objects in a value, at all levels; arrays are not looked into. */
export function keysIn(value: Json): number {
  if (!isObject(value)) return 0
  const inside = Object.values(value)
  return inside.reduce<number>((sum, part) => sum + keysIn(part), inside.length)
}

/** A half surrogate pair in a key or text, written as an escape. */
export function hasUnpaired(value: Json): boolean {
  if (typeof value === 'string') return isUnpaired(value)
  if (Array.isArray(value)) return value.some(hasUnpaired)
  return isObject(value) && Object.entries(value).some(([key, part]) => isUnpaired(key) || hasUnpaired(part))
}
