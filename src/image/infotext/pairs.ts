/** The `key: value` pairs of a line of settings. */

import { parseJsonText } from '../../system/json.ts'
import { PY_SPACE, PY_WORD } from './python-text.ts'

/** Quotes included. */
export type Pair = readonly [key: string, value: string]

const RE_KEY_CHARACTER = new RegExp(`[${PY_WORD} \\-/]`, 'u')
const RE_WORD_CHARACTER = new RegExp(`[${PY_WORD}]`, 'u')
const RE_QUOTED = /"(?:\\[^\n]|[^\\"])+"(?=,|$)/uy
const RE_SPACES = new RegExp(`^[${PY_SPACE}]*`, 'u')

/**
 * The same as all matches of `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, which is A1111's, in time that grows with
 * the length only: the expression itself takes the square of it on a long word. Other than there, JSON is a value as
 * a whole, too: Civitai writes it without quotes.
 */
export function pairsOf(line: string): Pair[] {
  const pairs: Pair[] = []
  const jsonAt = jsonReader(line)
  let at = 0
  for (let colon = line.indexOf(':'); colon >= 0; colon = line.indexOf(':', Math.max(at, colon + 1))) {
    const key = keyBefore(line, at, colon)
    if (key === undefined) continue
    const begin = colon + 1 + RE_SPACES.exec(line.slice(colon + 1, colon + 1 + MAX_SPACES))![0].length
    RE_QUOTED.lastIndex = begin
    const quoted = RE_QUOTED.exec(line)?.[0]
    const comma = line.indexOf(',', begin)
    const value = quoted ?? jsonAt(begin) ?? line.slice(begin, comma < 0 ? undefined : comma)
    pairs.push([key, value])
    at = begin + value.length + 1
  }
  return pairs
}

/** More spaces between a key and its value than this are part of the value. */
const MAX_SPACES = 1000

/** The longest key that ends at a colon: two characters or more, the first one a letter, a digit or an underscore. */
function keyBefore(line: string, from: number, colon: number): string | undefined {
  let start = colon
  while (start > from && RE_KEY_CHARACTER.test(characterBefore(line, start)))
    start -= characterBefore(line, start).length
  while (start < colon && !RE_WORD_CHARACTER.test(String.fromCodePoint(line.codePointAt(start)!))) start++
  const key = line.slice(start, colon)
  return [...key].length >= 2 ? key : undefined
}

/** One or two UTF-16 units. */
function characterBefore(line: string, at: number): string {
  const low = line.charCodeAt(at - 1)
  const isPair = low >= 0xdc00 && low <= 0xdfff && at >= 2
  const pair = isPair ? line.slice(at - 2, at) : ''
  return [...pair].length === 1 ? pair : line[at - 1]!
}

/** What is read of a line in search of JSON, by its length: many brackets that never close are not each followed to the end. */
const MAX_JSON_READS = 4

/** Reads arrays and objects that end where a value may end; undefined for anything else. */
function jsonReader(line: string): (at: number) => string | undefined {
  let room = MAX_JSON_READS * line.length
  return (at) => {
    if (line[at] !== '[' && line[at] !== '{') return undefined
    const end = closingBracket(line, at, at + room)
    room -= end - at
    const text = line.slice(at, end)
    const ends = RE_VALUE_END.test(line.slice(end, end + MAX_SPACES))
    return ends && parseJsonText(text) !== undefined ? text : undefined
  }
}

const RE_VALUE_END = new RegExp(`^[${PY_SPACE}]*(?:,|$)`, 'u')

/** Behind the bracket that closes the one at `from`, or where reading stopped. */
function closingBracket(line: string, from: number, limit: number): number {
  const stop = Math.min(line.length, limit)
  let [depth, inString] = [0, false]
  for (let at = from; at < stop; at++) {
    const c = line[at]!
    if (inString) {
      if (c === '\\') at++
      else inString = c !== '"'
    } else if (c === '"') inString = true
    else if (c === '[' || c === '{') depth++
    else if ((c === ']' || c === '}') && --depth === 0) return at + 1
  }
  return stop
}
