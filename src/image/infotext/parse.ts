/** Reads the text that A1111 and what came after it put into pictures under the keyword `parameters`. */

import { PY_SPACE, PY_WORD, stripped } from './python-text.ts'

export interface Infotext {
  readonly prompt: string
  /** Empty if there is none. */
  readonly negative: string
  /** What stands in the last line, in its order, without quotes: `Steps`, `Sampler`, `Model hash` ... */
  readonly settings: ReadonlyMap<string, string>
}

/** A last line with fewer pairs belongs to the prompt. */
const MIN_PAIRS = 3

const NEGATIVE = 'Negative prompt:'

/**
 * Splits a text as A1111 does (`infotext_utils.py`, parse_generation_parameters), down to its oddities: values without
 * quotes end at the first comma, and lines behind `Negative prompt:` belong to it.
 */
export function parseInfotext(text: string): Infotext {
  const lines = stripped(text).split('\n')
  const pairs = pairsOf(lines.at(-1)!)
  const hasSettings = pairs.length >= MIN_PAIRS
  const prompts: [string[], string[]] = [[], []]
  let side: 0 | 1 = 0
  for (const raw of hasSettings ? lines.slice(0, -1) : lines) {
    const line = stripped(raw)
    const isNegative = line.startsWith(NEGATIVE)
    if (isNegative) side = 1
    prompts[side].push(isNegative ? stripped(line.slice(NEGATIVE.length)) : line)
  }
  const [prompt, negative] = prompts.map(joinLines) as [string, string]
  // A1111 counts a pair without a value, but passes over it
  const filled = hasSettings ? pairs.filter(([, value]) => value !== '') : []
  return { prompt, negative, settings: new Map(filled.map(([key, value]) => [key, unquoted(value)])) }
}

/** Lines before the first one with text leave no empty line. */
function joinLines(lines: readonly string[]): string {
  return lines.reduce((text, line) => (text === '' ? line : `${text}\n${line}`), '')
}

const RE_KEY_CHARACTER = new RegExp(`[${PY_WORD} \\-/]`, 'u')
const RE_WORD_CHARACTER = new RegExp(`[${PY_WORD}]`, 'u')
const RE_QUOTED = /"(?:\\[^\n]|[^\\"])+"(?=,|$)/uy
const RE_SPACES = new RegExp(`^[${PY_SPACE}]*`, 'u')

/**
 * `key: value` pairs of a line, quotes included. The same as all matches of `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`, in
 * time that grows with the length only: the expression itself takes the square of it on a long word.
 */
function pairsOf(line: string): [key: string, value: string][] {
  const pairs: [string, string][] = []
  let at = 0
  for (let colon = line.indexOf(':'); colon >= 0; colon = line.indexOf(':', Math.max(at, colon + 1))) {
    const key = keyBefore(line, at, colon)
    if (key === undefined) continue
    const begin = colon + 1 + RE_SPACES.exec(line.slice(colon + 1, colon + 1 + MAX_SPACES))![0].length
    RE_QUOTED.lastIndex = begin
    const quoted = RE_QUOTED.exec(line)?.[0]
    const comma = line.indexOf(',', begin)
    const value = quoted ?? line.slice(begin, comma < 0 ? undefined : comma)
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

/** Text in quotes is a JSON string, if it is one. */
function unquoted(value: string): string {
  if (!(value.startsWith('"') && value.endsWith('"'))) return value
  try {
    const text: unknown = JSON.parse(value)
    return typeof text === 'string' ? text : value
  } catch {
    return value
  }
}
