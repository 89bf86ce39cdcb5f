/** Hashes that other files state of a model: what people keep beside their models, and what programs write there. */
import type { HashName } from '../../system/hash.ts'
import { isJsonObject, type JsonValue, jsonEntries, parseJsonText } from '../../system/json.ts'

/** A hash that a file is said to have, lower-case. */
export interface StatedHash {
  readonly name: HashName
  readonly value: string
}

/** Endings of such files: behind the whole name of the model, or in place of its ending. */
export const SIDECAR_ENDINGS = {
  /** Of sha256sum. */
  whole: ['.sha256'],
  /** sd-civitai-browser and Civitai Helper, StabilityMatrix, ComfyUI LoRA Manager. */
  stem: ['.sha256', '.civitai.info', '.cm-info.json', '.metadata.json', '.json'],
} as const

/** Spellings of Civitai's API and of those who copied it, without case and `_`. */
const NAMES: ReadonlyMap<string, { readonly name: HashName; readonly digits: readonly number[] }> = new Map(
  Object.entries({
    sha256: { name: 'sha256', digits: [64] },
    autov1: { name: 'autoV1', digits: [8] },
    autov2: { name: 'autoV2', digits: [10] },
    autov3: { name: 'autoV3', digits: [12, 64] },
    crc32: { name: 'crc32', digits: [8] },
    blake3: { name: 'blake3', digits: [64] },
  } satisfies Record<string, { name: HashName; digits: number[] }>),
)

/**
 * All hashes that a sidecar states. Of a list of files (Civitai's versions have several) those of the one whose name or
 * SHA-256 is that of the model, if it says so, or else of the only one.
 * @param fileName of the model, without folder
 */
export function statedHashes(text: string, fileName: string): StatedHash[] {
  const json = parseJsonText(text)
  if (json === undefined) return sha256sum(text, fileName)
  return hashesIn(json, fileName)
}

/** Lines of sha256sum: `hash  name`, or a hash alone. */
function sha256sum(text: string, fileName: string): StatedHash[] {
  const lines = text.split('\n').flatMap((line) => {
    const [, value, name] = /^\s*\\?([0-9a-f]{64})(?:\s+[ *]?(.+?))?\s*$/i.exec(line) ?? []
    return value === undefined ? [] : [{ value: value.toLowerCase(), name: name?.split(/[/\\]/).at(-1) }]
  })
  const own = lines.filter(({ name }) => name === fileName)
  const [only, ...more] = own.length > 0 ? own : lines.filter(({ name }) => name === undefined)
  return only === undefined || more.length > 0 ? [] : [{ name: 'sha256', value: only.value }]
}

/** As deep as the API nests: version, files, file, hashes. */
const MAX_DEPTH = 4

function hashesIn(value: JsonValue, fileName: string, depth = 0): StatedHash[] {
  if (depth > MAX_DEPTH || !isJsonObject(value)) return []
  const own = jsonEntries(value).flatMap(([key, text]) => stated(key, text))
  const inside = ['hashes', 'Hashes', 'civitai'].flatMap((key) => {
    const part = value[key]
    return part === undefined ? [] : hashesIn(part, fileName, depth + 1)
  })
  return [...own, ...inside, ...ofFiles(value.files, fileName, depth)]
}

function ofFiles(files: JsonValue | undefined, fileName: string, depth: number): StatedHash[] {
  if (!Array.isArray(files)) return []
  const list = files.filter(isJsonObject)
  const named = list.filter(({ name }) => name === fileName)
  const chosen = named.length > 0 ? named : list.length === 1 ? list : []
  return chosen.flatMap((file) => hashesIn(file, fileName, depth + 1))
}

function stated(key: string, value: JsonValue): StatedHash[] {
  const known = NAMES.get(key.toLowerCase().replaceAll('_', ''))
  if (known === undefined || typeof value !== 'string' || !/^[0-9a-f]+$/i.test(value)) return []
  return known.digits.includes(value.length) ? [{ name: known.name, value: value.toLowerCase() }] : []
}

/** The same notes, for a file of other bytes. */
export function withoutHashes(value: JsonValue, depth = 0): JsonValue {
  if (depth > MAX_NOTES_DEPTH) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutHashes(item, depth + 1))
  if (!isJsonObject(value)) return value
  const kept = jsonEntries(value).filter(([key, text]) => stated(key, text).length === 0)
  return Object.fromEntries(kept.map(([key, part]) => [key, withoutHashes(part, depth + 1)]))
}

/** Deeper than any notes are. */
const MAX_NOTES_DEPTH = 32

/** AutoV3 as programs store it in the file itself. */
export function hashesInMetadata(
  metadata: Readonly<Record<string, string>>,
): { key: string; value: string }[] {
  return ['sshs_model_hash', 'modelspec.hash_sha256'].flatMap((key) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key]!.toLowerCase().replace(/^0x/, '') : ''
    return /^[0-9a-f]{64}$/.test(value) ? [{ key, value }] : []
  })
}
