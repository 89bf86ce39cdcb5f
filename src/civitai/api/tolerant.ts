/**
 * Schemas for JSON that others wrote: `null`, and a field of another type, are the same as a field that is missing.
 * Only what cannot be done without makes a value unreadable.
 */
import * as v from 'valibot'
import { type Defined, defined } from '../../system/defined.ts'
import { isJsonObject, type JsonValue } from '../../system/json.ts'

export const text = v.string()

/** JSON can write 1e999, which is read as infinity. */
export const number = v.pipe(v.number(), v.finite())

/** Ids of models, versions and files: positive integers. */
export const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

/** Any JSON but null. */
export const anything = v.custom<JsonValue>((value) => value !== null)

/** A field that may be missing. */
export function maybe<Output>(schema: v.GenericSchema<unknown, Output>) {
  return v.fallback(v.optional(schema), () => undefined)
}

/** A text, or what stands for it where there is none. */
export function textOr(usual: string) {
  return v.fallback(v.optional(text, usual), usual)
}

/** A yes-or-no field: whatever is not `true` is no. */
export const flag = v.fallback(v.optional(v.boolean(), false), false)

/** A list without the items that cannot be read; empty for what is not a list. */
export function list<Output>(item: v.GenericSchema<unknown, Output>) {
  const items = v.pipe(
    v.array(v.unknown()),
    v.transform((values): readonly Output[] => readEach(item, values)),
  )
  return v.fallback(v.optional(items, []), [])
}

/** An object; of its fields those that are there. Other fields are left out. */
export function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  type Fields = Defined<v.InferOutput<v.ObjectSchema<Entries, undefined>>>
  const fields = v.object<v.ObjectEntries>(entries)
  const schema = v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(isObject),
    // valibot would also see what every object inherits: constructor, toString
    v.transform((found) => Object.assign(Object.create(null), found)),
    fields,
    v.transform((found) => defined(found)),
  )
  return schema as v.GenericSchema<unknown, unknown> as v.GenericSchema<unknown, Fields>
}

function isObject(value: unknown): boolean {
  return isJsonObject(value as JsonValue | undefined)
}

/** Undefined where something that the schema requires is missing. */
export function read<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown): Output | undefined {
  const result = v.safeParse(schema, value)
  return result.success ? result.output : undefined
}

/** Those that can be read. */
export function readEach<Output>(
  schema: v.GenericSchema<unknown, Output>,
  values: readonly unknown[],
): Output[] {
  return values.flatMap((value) => {
    const result = v.safeParse(schema, value)
    return result.success ? [result.output] : []
  })
}
