/** The fields of a document, as opposed to data that stands in it under names of its own. */
import type * as v from 'valibot'
import { is } from 'valibot'

type Field = readonly (string | number)[]

/** What is known of a schema of valibot from outside. */
interface Shape {
  readonly type: string
  readonly entries?: Readonly<Record<string, v.GenericSchema>>
  readonly item?: v.GenericSchema
  readonly wrapped?: v.GenericSchema
  readonly options?: readonly v.GenericSchema[]
  readonly getter?: (input: unknown) => v.GenericSchema
}

/** Items of a list that are looked into: they are alike. */
const MAX_ITEMS = 2

/** Paths of the keys that the schema names, where the document has them. */
export function fieldsOf(schema: v.GenericSchema, value: unknown, at: Field = []): Field[] {
  const { entries, item, wrapped, options, getter } = schema as unknown as Shape
  if (options && !entries) {
    const fits = options.filter((option) => typeof option === 'object' && is(option, value))
    return fits.flatMap((option) => fieldsOf(option, value, at)).filter(isFirst)
  }
  if (wrapped) return value === null ? [] : fieldsOf(wrapped, value, at)
  if (getter) return fieldsOf(getter(value), value, at)
  if (item && Array.isArray(value))
    return value.slice(0, MAX_ITEMS).flatMap((one, i) => fieldsOf(item, one, [...at, i]))
  if (!entries || typeof value !== 'object' || value === null) return []
  return Object.entries(entries).flatMap(([key, entry]) => {
    const own = [...at, key]
    return Object.hasOwn(value, key)
      ? [own, ...fieldsOf(entry, (value as Record<string, unknown>)[key], own)]
      : []
  })
}

function isFirst(field: Field, at: number, all: readonly Field[]): boolean {
  return all.findIndex((other) => other.join('\n') === field.join('\n')) === at
}

export function withoutField(document: unknown, field: Field): unknown {
  return changed(document, field, () => {})
}

export function withRenamedField(document: unknown, field: Field): unknown {
  return changed(document, field, (place, key, value) => {
    place[`${key}2`] = value
  })
}

/** Copies what lies on the way to the field, and nothing else. */
function changed(
  value: unknown,
  [key, ...rest]: Field,
  change: (place: Record<string, unknown>, key: string, value: unknown) => void,
): unknown {
  if (Array.isArray(value)) return value.with(key as number, changed(value[key as number], rest, change))
  const place = { ...(value as Record<string, unknown>) }
  if (rest.length > 0) return { ...place, [key!]: changed(place[key!], rest, change) }
  const old = place[key!]
  delete place[key!]
  change(place, String(key), old)
  return place
}
