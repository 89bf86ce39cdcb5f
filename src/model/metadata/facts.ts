import type { JsonValue } from '../../system/json.ts'

/** Text metadata of a file. Values come from strangers: any length, any content. */
export type Metadata = Readonly<Record<string, string>>

/** One line of a summary, in the order people want to read it. Texts are the file's: print them through `printable`. */
export interface Fact {
  /** Metadata key it comes from, for programs. */
  readonly key: string
  readonly label: string
  readonly value: string
}

/** A line of a table; the whole value is there with `inspect --metadata KEY`. */
const MAX_VALUE = 300

/** What trainers write for "not set". */
const UNSET: ReadonlySet<string> = new Set(['', 'None', 'null', 'undefined', '{}', '[]'])

/** Value of a key that the file itself has (not one every object has, such as `constructor`). */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
  return typeof value !== 'string' || UNSET.has(value.trim()) ? undefined : value
}

/** A line; none if there is no value. Long values are cut. */
export function fact(key: string, label: string, value: string | undefined): Fact[] {
  if (value === undefined || UNSET.has(value.trim())) return []
  return [{ key, label, value: value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}...` : value }]
}

/** How a key becomes a line: its label, and values that say nothing (`0` regularisation images). */
export interface FactRule {
  readonly label: string
  /** The first of them that is set. */
  readonly keys: readonly string[]
  readonly unless?: readonly string[]
}

export function factsByRules(metadata: Metadata, rules: readonly FactRule[]): Fact[] {
  return rules.flatMap(({ label, keys, unless }) => {
    const key = keys.find((candidate) => textOf(metadata, candidate) !== undefined)
    if (key === undefined) return []
    const value = textOf(metadata, key)!
    return unless?.includes(value) ? [] : fact(key, label, value)
  })
}

/** A plain value as text; undefined for lists and objects. */
export function scalarText(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** A count from a file: a whole number that is not negative. */
export function countOf(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
