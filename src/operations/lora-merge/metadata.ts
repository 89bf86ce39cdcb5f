/** What a sum of LoRAs says of its parts: what is true of all, what can be put together, and the rest as it was. */

import { info } from '../../model/finding.ts'
import { RECIPE_KEY } from '../../model/metadata/recipe.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseJsonText } from '../../system/json.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

export interface NamedMetadata {
  /** File name without ending. */
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Where a sum keeps what its parts said of themselves: a JSON list of `{ name, metadata }`. */
export const SOURCES_KEY = 'sdtool.sources'

/** The base, and how it is used: true of the sum where it is true of every part. */
const SHARED = [
  'ss_base_model_version',
  'ss_v2',
  'ss_sd_model_name',
  'ss_sd_model_hash',
  'ss_new_sd_model_hash',
  'ss_vae_name',
  'ss_vae_hash',
  'ss_new_vae_hash',
  'ss_clip_skip',
  'ss_resolution',
  'ss_zero_terminal_snr',
  'sdtool.zero_terminal_snr',
  'modelspec.prediction_type',
  'modelspec.resolution',
  'modelspec.encoder_layer',
  'modelspec.license',
] as const

/** Words with commas between: what each part answers to, the sum answers to. */
const WORDS = ['modelspec.trigger_phrase', 'modelspec.tags', 'modelspec.author'] as const

/** JSON objects by folder of training images. UIs show the tags of `ss_tag_frequency` as those of the LoRA. */
const BY_FOLDER = ['ss_tag_frequency', 'ss_dataset_dirs'] as const

/** A JSON list, one entry for each data set. */
const DATA_SETS = 'ss_datasets'

/** Pictures of a part are none of the sum, and recipes stand in its own recipe. */
const NOT_KEPT: ReadonlySet<string> = new Set(['modelspec.thumbnail', RECIPE_KEY, ...BY_FOLDER, DATA_SETS])

/** Readers load the whole header at once, so what the parts said stays small in comparison. */
const MAX_SOURCES_BYTES = 256 * 1024

export function mergedMetadata(parts: readonly NamedMetadata[]): {
  readonly metadata: Record<string, string>
  readonly findings: readonly Finding[]
} {
  const { text, omitted } = sources(parts)
  const metadata = {
    ...sharedValues(parts),
    ...words(parts),
    ...byFolder(parts),
    ...dataSets(parts),
    ...(text === undefined ? {} : { [SOURCES_KEY]: text }),
  }
  return { metadata, findings: findingsOf(metadata, omitted) }
}

function findingsOf(metadata: Readonly<Record<string, string>>, omitted: readonly string[]): Finding[] {
  const kept = keptText('ss_tag_frequency' in metadata, SOURCES_KEY in metadata)
  return [
    ...(kept === undefined ? [] : [info('training-data', kept)]),
    ...(omitted.length === 0 ? [] : [info('training-data-omitted', messages.trainingOmitted(omitted))]),
  ]
}

function keptText(hasTags: boolean, hasSources: boolean): string | undefined {
  if (hasTags && hasSources) return messages.tagsMergedTrainingKept(SOURCES_KEY)
  if (hasSources) return messages.trainingKept(SOURCES_KEY)
  return hasTags ? messages.tagsMerged : undefined
}

function valuesOf(parts: readonly NamedMetadata[], key: string): (string | undefined)[] {
  return parts.map(({ metadata }) => (Object.hasOwn(metadata, key) ? metadata[key] : undefined))
}

function sharedValues(parts: readonly NamedMetadata[]): Record<string, string> {
  return Object.fromEntries(
    SHARED.flatMap((key) => {
      const [value, ...others] = valuesOf(parts, key)
      return value !== undefined && others.every((other) => other === value) ? [[key, value]] : []
    }),
  )
}

function words(parts: readonly NamedMetadata[]): Record<string, string> {
  return Object.fromEntries(
    WORDS.flatMap((key) => {
      const all = valuesOf(parts, key).flatMap((value = '') => value.split(','))
      const distinct = [...new Set(all.map((word) => word.trim()).filter((word) => word !== ''))]
      return distinct.length > 0 ? [[key, distinct.join(', ')]] : []
    }),
  )
}

type Folders = Map<string, JsonValue>

/** Puts together what parts say by folder of training images. */
function byFolder(parts: readonly NamedMetadata[]): Record<string, string> {
  const sums = new Map<string, Folders>(BY_FOLDER.map((key) => [key, new Map()]))
  for (const part of parts) addFolders(sums, part)
  const written = [...sums].filter(([, folders]) => folders.size > 0)
  return Object.fromEntries(
    written.map(([key, folders]) => [key, JSON.stringify(Object.fromEntries(folders))]),
  )
}

/** A folder of the same name in another part is another folder, unless it says the very same. */
function addFolders(sums: ReadonlyMap<string, Folders>, { name, metadata }: NamedMetadata): void {
  const own = new Map(BY_FOLDER.map((key) => [key, new Map(Object.entries(objectAt(metadata, key)))]))
  const folders = new Set([...own.values()].flatMap((values) => [...values.keys()]))
  for (const folder of folders) {
    const isTaken = BY_FOLDER.some((key) => differs(sums.get(key)!.get(folder), own.get(key)!.get(folder)))
    const place = isTaken ? freeName(folder, name, [...sums.values()]) : folder
    for (const key of BY_FOLDER) {
      const value = own.get(key)!.get(folder)
      if (value !== undefined) sums.get(key)!.set(place, value)
    }
  }
}

function objectAt(metadata: Readonly<Record<string, string>>, key: string): JsonObject {
  const value = parseJsonText(Object.hasOwn(metadata, key) ? metadata[key] : undefined)
  return isJsonObject(value) ? value : {}
}

function differs(there: JsonValue | undefined, own: JsonValue | undefined): boolean {
  return there !== undefined && JSON.stringify(there) !== JSON.stringify(own)
}

function freeName(folder: string, of: string, taken: readonly ReadonlyMap<string, JsonValue>[]): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? `${folder} (${of})` : `${folder} (${of} ${count})`
    if (taken.every((folders) => !folders.has(name))) return name
  }
}

function dataSets(parts: readonly NamedMetadata[]): Record<string, string> {
  const lists = valuesOf(parts, DATA_SETS).map(parseJsonText)
  const all = lists.flatMap((list) => (Array.isArray(list) ? (list as readonly JsonValue[]) : []))
  return all.length > 0 ? { [DATA_SETS]: JSON.stringify(all) } : {}
}

interface Source {
  readonly name: string
  readonly metadata: Record<string, string>
  omitted?: string[]
}

/** The longest values are left out until the rest is short enough. */
function sources(parts: readonly NamedMetadata[]): { text: string | undefined; omitted: string[] } {
  const all = parts.map(({ name, metadata }): Source => {
    return {
      name,
      metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !NOT_KEPT.has(key))),
    }
  })
  if (all.every(({ metadata }) => Object.keys(metadata).length === 0)) return { text: undefined, omitted: [] }
  const longest = all
    .flatMap((source) =>
      Object.entries(source.metadata).map(([key, value]) => ({ source, key, size: value.length })),
    )
    .sort((a, b) => b.size - a.size)
  const omitted: string[] = []
  // counted along: a file may have a million values, and to write all of them again for each would take hours
  let bytes = jsonBytes(all)
  for (const { source, key } of longest) {
    if (bytes <= MAX_SOURCES_BYTES) break
    bytes += omit(source, key)
    omitted.push(key)
  }
  // so many names that they alone are too long
  if (bytes > MAX_SOURCES_BYTES) return { text: undefined, omitted }
  return { text: JSON.stringify(all), omitted }
}

/** Leaves a value out and notes its name. @returns how much longer, or shorter, the JSON becomes */
function omit(source: Source, key: string): number {
  const before = entryBytes(key, source.metadata[key]!)
  delete source.metadata[key]
  const name = jsonBytes(key) + ','.length
  if (source.omitted !== undefined) {
    source.omitted.push(key)
    return name - before
  }
  source.omitted = [key]
  return name + '"omitted":[]'.length - before
}

/** `"key":"value"`, without a comma: the last one has none. */
function entryBytes(key: string, value: string): number {
  return jsonBytes(key) + ':'.length + jsonBytes(value)
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
