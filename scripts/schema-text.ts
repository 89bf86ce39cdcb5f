/** Valibot schemas in the words of a table: `integer, 1 to 64`, `list of text`, `` `unet` or `text` ``. */
import type * as v from 'valibot'

/** What schemas and their actions have that a text can be made of. */
interface Part {
  readonly kind: 'schema' | 'validation' | 'metadata' | 'transformation'
  readonly type: string
  readonly pipe?: readonly Part[]
  readonly wrapped?: Part
  readonly item?: Part
  readonly key?: Part
  readonly value?: Part
  readonly literal?: string
  readonly requirement?: unknown
  readonly options?: readonly (Part | string)[]
  readonly entries?: Readonly<Record<string, Part>>
}

/** Schemas that the page explains once, by what it calls them. */
export type Named = ReadonlyMap<unknown, string>

export function schemaText(schema: v.GenericSchema, named: Named): string {
  return textOf(schema as unknown as Part, named)
}

/** The options of a schema, of each of its variants, with their types. */
export function optionTypes(schema: v.GenericSchema, named: Named): ReadonlyMap<string, string>[] {
  const part = schema as unknown as Part
  const objects = part.type === 'variant' ? (part.options as readonly Part[]) : [part]
  return objects.map(
    ({ entries = {} }) =>
      new Map(Object.entries(entries).map(([name, entry]) => [name, textOf(entry, named)])),
  )
}

/** @throws Error for a schema that there are no words for */
function textOf(part: Part, named: Named): string {
  const name = named.get(part)
  if (name !== undefined) return name
  if (part.pipe !== undefined) return pipeText(part, part.pipe)
  const text = TEXTS[part.type]
  if (text === undefined) throw new Error(`no words for a schema of the type ${part.type}`)
  return text(part, (inner) => textOf(inner, named))
}

type TextOf = (part: Part, inner: (part: Part) => string) => string

const TEXTS: Readonly<Record<string, TextOf>> = {
  string: () => 'text',
  number: () => 'number',
  boolean: () => 'true or false',
  literal: ({ literal }) => `\`${literal}\``,
  picklist: ({ options }) => oneOf((options as readonly string[]).map((option) => `\`${option}\``)),
  union: ({ options }, inner) => oneOf((options as readonly Part[]).map(inner)),
  variant: ({ options }, inner) => oneOf((options as readonly Part[]).map(inner)),
  exact_optional: ({ wrapped }, inner) => inner(wrapped!),
  array: ({ item }, inner) => `list of ${inner(item!)}`,
  record: ({ key, value }, inner) => `object of ${inner(value!)} by ${inner(key!)}`,
  strict_object: ({ entries }, inner) =>
    `{ ${Object.entries(entries!)
      .map(([name, entry]) => `${name}${entry.type === 'exact_optional' ? '?' : ''}: ${inner(entry)}`)
      .join(', ')} }`,
}

function oneOf(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}

/** A number or text, and what is checked of it. */
function pipeText({ type }: Part, pipe: readonly Part[]): string {
  const checks = new Map(pipe.map((action) => [action.type, action.requirement]))
  if (checks.has('regex')) return `text like ${String(checks.get('regex'))}`
  const kind = checks.has('integer') ? 'integer' : type
  const [least, above, most] = ['min_value', 'gt_value', 'max_value'].map((name) => checks.get(name))
  const from = above === undefined ? least : `above ${above}`
  if (from !== undefined && most !== undefined) return `${kind}, ${from} to ${most}`
  return from === undefined ? kind : `${kind}, ${above === undefined ? `${least} or more` : from}`
}
