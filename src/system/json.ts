/** JSON data, as it stands in metadata values. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/** The tag counts of a large data set take 1 MB; a much longer text takes seconds to walk. */
const MAX_LENGTH = 4 * 1024 * 1024

/** A workflow nests some ten levels. Limits what code that walks the value has to expect. */
const MAX_DEPTH = 100

/**
 * JSON from a file or a server; undefined for a text that is not JSON, too long or too deep. Never throws.
 * The depth is counted before parsing: the parser of V8 is iterative, but what walks the result is not.
 * @param maxLength in UTF-16 code units
 */
export function parseJsonText(text: string | undefined, maxLength = MAX_LENGTH): JsonValue | undefined {
  if (text === undefined || text.length > maxLength || depthOf(text) > MAX_DEPTH) return undefined
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

const [QUOTE, BACKSLASH, OPEN, CLOSE] = ['"', '\\', '[{', ']}']

/** Deepest nesting of brackets outside of strings. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (inString) {
      if (c === BACKSLASH) i++
      else if (c === QUOTE) inString = false
    } else if (c === QUOTE) inString = true
    else if (OPEN!.includes(c)) deepest = Math.max(deepest, ++depth)
    else if (CLOSE!.includes(c)) depth--
  }
  return deepest
}

export type JsonObject = { readonly [key: string]: JsonValue }

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Entries of an object; none for anything else. */
export function jsonEntries(value: JsonValue | undefined): [string, JsonValue][] {
  return isJsonObject(value) ? Object.entries(value) : []
}

/** A value that the object itself has, not one every object has (`constructor`). */
export function ownValue(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
