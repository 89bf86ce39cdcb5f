/** Reads the text that A1111 and what came after it put into pictures under the keyword `parameters`. */

import { type Pair, pairsOf } from './pairs.ts'
import { stripped } from './python-text.ts'

export interface Infotext {
  readonly prompt: string
  /** Empty if there is none. */
  readonly negative: string
  /** What stands below the prompts, in its order, without quotes: `Steps`, `Sampler`, `Model hash` ... */
  readonly settings: ReadonlyMap<string, string>
}

/** A last line with fewer pairs belongs to the prompt. */
const MIN_PAIRS = 3

const NEGATIVE = 'Negative prompt:'

/**
 * Splits a text as A1111 does (`infotext_utils.py`, parse_generation_parameters): values without quotes end at the first
 * comma, and lines behind `Negative prompt:` belong to it. What A1111 itself would lose is kept: JSON in a value, line
 * breaks in a value, and the templates that sd-dynamic-prompts puts below the settings.
 */
export function parseInfotext(text: string): Infotext {
  const { lines, templates } = withoutTemplates(stripped(text).split('\n'))
  const first = firstOfSettings(lines)
  const pairs = pairsOf(lines.slice(first).join('\n'))
  const hasSettings = pairs.length >= MIN_PAIRS
  const prompts: [string[], string[]] = [[], []]
  let side: 0 | 1 = 0
  for (const raw of hasSettings ? lines.slice(0, first) : lines) {
    const line = stripped(raw)
    const isNegative = line.startsWith(NEGATIVE)
    if (isNegative) side = 1
    prompts[side].push(isNegative ? stripped(line.slice(NEGATIVE.length)) : line)
  }
  const [prompt, negative] = prompts.map(joinLines) as [string, string]
  // A1111 counts a pair without a value, but passes over it
  const filled = hasSettings ? pairs.filter(([, value]) => value !== '') : []
  const settings = filled.map(([key, value]): Pair => [key, unquoted(value)])
  return { prompt, negative, settings: new Map([...settings, ...templates]) }
}

/** How every program of this family begins its settings. */
const RE_STEPS = /^Steps: \d/

/**
 * Index of the line where settings begin: the last one, unless that is the end of a value with line breaks, which
 * extensions of A1111 write as they are.
 */
function firstOfSettings(lines: readonly string[]): number {
  const last = lines.length - 1
  if (pairsOf(lines[last]!).some(([key]) => key === 'Steps')) return last
  const steps = lines.findLastIndex((line) => RE_STEPS.test(line))
  const isWhole = steps >= 0 && pairsOf(lines[steps]!).length >= MIN_PAIRS
  return isWhole && !lines.slice(steps).some((line) => line.startsWith(NEGATIVE)) ? steps : last
}

/** Labels of lines below the settings. Source: adieyal/sd-dynamic-prompts, `pnginfo_saver.py` */
const TEMPLATES = ['Template', 'Negative Template']

interface SplitText {
  readonly lines: readonly string[]
  readonly templates: readonly Pair[]
}

/** A template goes on to the next label or the end, whatever is in it. */
function withoutTemplates(lines: readonly string[]): SplitText {
  const steps = lines.findIndex((line) => RE_STEPS.test(line))
  const starts = lines.flatMap((line, at) => {
    const label = at > steps ? TEMPLATES.find((name) => line.startsWith(`${name}:`)) : undefined
    return label === undefined ? [] : [{ label, at }]
  })
  if (steps < 0 || starts.length === 0) return { lines, templates: [] }
  const templates = starts.map(({ label, at }, i): Pair => {
    const text = lines.slice(at, starts[i + 1]?.at).join('\n')
    return [label, stripped(text.slice(label.length + 1))]
  })
  return { lines: lines.slice(0, starts[0]!.at), templates }
}

/** Lines before the first one with text leave no empty line. */
function joinLines(lines: readonly string[]): string {
  return lines.reduce((text, line) => (text === '' ? line : `${text}\n${line}`), '')
}

/** Text in quotes is a JSON string, if it is one, but for line breaks. */
function unquoted(value: string): string {
  if (!(value.startsWith('"') && value.endsWith('"'))) return value
  try {
    const text: unknown = JSON.parse(value.replace(/\r?\n/g, '\\n'))
    return typeof text === 'string' ? text : value
  } catch {
    return value
  }
}
