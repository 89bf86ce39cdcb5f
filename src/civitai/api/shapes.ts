/**
 * Models, versions and files as Civitai describes them, as far as sdtool uses them. Everything may be missing: versions
 * without files, files without hashes, hidden counts. Source: civitai/civitai, the server's own answers.
 */
import type { Hashes, HashName } from '../../system/hash.ts'
import {
  field,
  idField,
  isObject,
  type Json,
  type JsonObject,
  listField,
  numberField,
  textField,
  textsField,
} from './json.ts'

export interface CivitaiFile {
  readonly id?: number
  /** As the site names it; two files of a version often have the same. */
  readonly name: string
  /** Model, Pruned Model, VAE, Config, Training Data ... */
  readonly type: string
  readonly bytes?: number
  /** SafeTensor, PickleTensor, Diffusers ... */
  readonly format?: string
  readonly size?: string
  readonly fp?: string
  /** Lower-case hex; `autoV3` has 12 digits. */
  readonly hashes: Hashes
  readonly primary: boolean
  /** Path and query of the address the API gives: it does not name the file exactly, and at times no real host. */
  readonly downloadPath?: string
  /** What the site's own scanners said: Success, Danger ... */
  readonly scans: { readonly pickle?: string; readonly virus?: string }
}

export interface CivitaiImage {
  readonly url: string
  /** image, video, audio. */
  readonly type: string
}

/** Paid access: until a date, or for good. */
export interface EarlyAccess {
  readonly until?: string
}

export interface CivitaiVersion {
  readonly id: number
  readonly modelId?: number
  readonly name: string
  readonly baseModel?: string
  readonly trainedWords: readonly string[]
  readonly publishedAt?: string
  /** Download, Generation ...: who may have the file. */
  readonly usageControl?: string
  readonly earlyAccess?: EarlyAccess
  readonly description?: string
  readonly files: readonly CivitaiFile[]
  readonly images: readonly CivitaiImage[]
  readonly modelName: string
  /** Checkpoint, LORA, TextualInversion ... */
  readonly modelType: string
  /** Archived or TakenDown. */
  readonly mode?: string
  /** The answer itself, for sidecars. */
  readonly raw: JsonObject
}

export interface CivitaiModel {
  readonly id: number
  readonly name: string
  readonly type: string
  readonly nsfw: boolean
  readonly mode?: string
  readonly creator?: string
  readonly downloads?: number
  readonly thumbsUp?: number
  readonly thumbsDown?: number
  /** Newest first, as on the page. */
  readonly versions: readonly CivitaiVersion[]
}

/** A model, or undefined if the answer is none. */
export function civitaiModelOf(json: Json | undefined, now: Date): CivitaiModel | undefined {
  const id = idField(json, 'id')
  if (id === undefined || !isObject(json)) return undefined
  const stats = field(json, 'stats')
  const own = { id, name: textField(json, 'name') ?? '', type: textField(json, 'type') ?? 'Other' }
  const mode = textField(json, 'mode')
  const versions = listField(json, 'modelVersions').flatMap((item) => {
    const version = versionOf(item, now, { ...own, ...(mode && { mode }) })
    return version ? [version] : []
  })
  return {
    ...own,
    nsfw: field(json, 'nsfw') === true,
    ...(mode && { mode }),
    ...optional('creator', textField(field(json, 'creator'), 'username')),
    ...optional('downloads', numberField(stats, 'downloadCount')),
    ...optional('thumbsUp', numberField(stats, 'thumbsUpCount')),
    ...optional('thumbsDown', numberField(stats, 'thumbsDownCount')),
    versions,
  }
}

interface Owner {
  readonly id: number
  readonly name: string
  readonly type: string
  readonly mode?: string
}

/** A version, or undefined if the answer is none. `owner` is the model it stands in, if it does. */
export function versionOf(json: Json | undefined, now: Date, owner?: Owner): CivitaiVersion | undefined {
  const id = idField(json, 'id')
  if (id === undefined || !isObject(json)) return undefined
  const model = field(json, 'model')
  return {
    id,
    ...optional('modelId', idField(json, 'modelId') ?? owner?.id),
    name: textField(json, 'name') ?? '',
    ...optional('baseModel', textField(json, 'baseModel')),
    trainedWords: textsField(json, 'trainedWords'),
    ...optional('publishedAt', textField(json, 'publishedAt')),
    ...optional('usageControl', textField(json, 'usageControl')),
    ...optional('earlyAccess', earlyAccessOf(json, now)),
    ...optional('description', textField(json, 'description')),
    files: listField(json, 'files').flatMap(fileOf),
    images: listField(json, 'images').flatMap(imageOf),
    modelName: textField(model, 'name') ?? owner?.name ?? '',
    modelType: textField(model, 'type') ?? owner?.type ?? 'Other',
    ...optional('mode', textField(model, 'mode') ?? owner?.mode),
    raw: json,
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

/** In the order of trust: the field of today's server, then those of older answers. */
function earlyAccessOf(json: JsonObject, now: Date): EarlyAccess | undefined {
  const paid = field(json, 'paidAccess')
  if (isObject(paid)) return optional('until', textField(paid, 'endsAt'))
  const until = textField(json, 'earlyAccessEndsAt') ?? textField(json, 'earlyAccessDeadline')
  const open = until !== undefined && !(Date.parse(until) > now.getTime())
  if (textField(json, 'availability') === 'EarlyAccess' || (until !== undefined && !open))
    return optional('until', until)
  return (numberField(json, 'earlyAccessTimeFrame') ?? 0) > 0 ? {} : undefined
}

function fileOf(json: Json): CivitaiFile[] {
  if (!isObject(json)) return []
  const metadata = field(json, 'metadata')
  const kilobytes = numberField(json, 'sizeKB')
  return [
    {
      ...optional('id', idField(json, 'id')),
      name: textField(json, 'name') ?? '',
      type: textField(json, 'type') ?? 'Model',
      // the fraction is exact: kilobytes * 1024 is a whole number of bytes
      ...optional('bytes', kilobytes && kilobytes > 0 ? Math.round(kilobytes * 1024) : undefined),
      ...optional('format', textField(metadata, 'format')),
      ...optional('size', textField(metadata, 'size')),
      ...optional('fp', textField(metadata, 'fp')),
      hashes: hashesOf(field(json, 'hashes')),
      primary: field(json, 'primary') === true,
      ...optional('downloadPath', downloadPathOf(textField(json, 'downloadUrl'))),
      scans: {
        ...optional('pickle', textField(json, 'pickleScanResult')),
        ...optional('virus', textField(json, 'virusScanResult')),
      },
    },
  ]
}

/** The host is dropped: one route answers with `https://undefined/...`. */
function downloadPathOf(url: string | undefined): string | undefined {
  return /^https?:\/\/[^/]+(\/api\/download\/models\/\d+(?:\?[^#]*)?)$/.exec(url ?? '')?.[1]
}

/** How the site names hashes, and how many hex digits each has. */
const HASH_FIELDS: readonly (readonly [field: string, name: HashName, digits: number])[] = [
  ['SHA256', 'sha256', 64],
  ['AutoV1', 'autoV1', 8],
  ['AutoV2', 'autoV2', 10],
  ['AutoV3', 'autoV3', 12],
  ['CRC32', 'crc32', 8],
  ['BLAKE3', 'blake3', 64],
]

function hashesOf(json: Json | undefined): Hashes {
  const found = HASH_FIELDS.flatMap(([name, key, digits]) => {
    const text = textField(json, name)?.toLowerCase().slice(0, digits)
    return text?.length === digits && /^[0-9a-f]+$/.test(text) ? [[key, text]] : []
  })
  return Object.fromEntries(found)
}

function imageOf(json: Json): CivitaiImage[] {
  const url = textField(json, 'url')
  return url === undefined ? [] : [{ url, type: textField(json, 'type') ?? 'image' }]
}
