/** What a server answered, read without trusting it: a field of another type is a field that is not there. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own field; `null` and what is missing are the same here, as the API drops some nulls and keeps others. */
export function field(value: Json | undefined, key: string): Json | undefined {
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
  return value[key] ?? undefined
}

export function textField(value: Json | undefined, key: string): string | undefined {
  const found = field(value, key)
  return typeof found === 'string' ? found : undefined
}

export function numberField(value: Json | undefined, key: string): number | undefined {
  const found = field(value, key)
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}

/** Ids of models, versions and files: positive integers. */
export function idField(value: Json | undefined, key: string): number | undefined {
  const found = numberField(value, key)
  return found !== undefined && Number.isSafeInteger(found) && found > 0 ? found : undefined
}

export function listField(value: Json | undefined, key: string): readonly Json[] {
  const found = field(value, key)
  return Array.isArray(found) ? found : []
}

export function textsField(value: Json | undefined, key: string): string[] {
  return listField(value, key).filter((item) => typeof item === 'string')
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
