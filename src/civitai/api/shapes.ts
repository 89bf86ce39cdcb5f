/**
 * Models, versions and files as Civitai describes them, as far as sdtool uses them. Everything may be missing: versions
 * without files, files without hashes, hidden counts. Source: civitai/civitai, the server's own answers.
 */
import * as v from 'valibot'
import { defined } from '../../system/defined.ts'
import type { Hashes } from '../../system/hash.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../system/json.ts'
import { anything, flag, id, list, maybe, number, object, read, text, textOr } from './tolerant.ts'

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
  /** Results of the site's own scanners: Success, Danger ... */
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

/** Lower-case hex; the site gives more digits of some hashes than it names files by. */
function hex(digits: number) {
  const start = v.transform((given: string) => given.toLowerCase().slice(0, digits))
  return maybe(v.pipe(text, start, v.length(digits), v.regex(/^[0-9a-f]+$/)))
}

const hashesAnswer = v.pipe(
  object({
    SHA256: hex(64),
    AutoV1: hex(8),
    AutoV2: hex(10),
    AutoV3: hex(12),
    CRC32: hex(8),
    BLAKE3: hex(64),
  }),
  v.transform(({ SHA256, AutoV1, AutoV2, AutoV3, CRC32, BLAKE3 }): Hashes => {
    return defined({
      sha256: SHA256,
      autoV1: AutoV1,
      autoV2: AutoV2,
      autoV3: AutoV3,
      crc32: CRC32,
      blake3: BLAKE3,
    })
  }),
)

/** The host is dropped: one route answers with `https://undefined/...`. */
const downloadPath = v.pipe(
  text,
  v.transform((url) => /^https?:\/\/[^/]+(\/api\/download\/models\/\d+(?:\?[^#]*)?)$/.exec(url)?.[1]),
)

/** The fraction is exact: kilobytes * 1024 is a whole number of bytes. */
const bytesOfKilobytes = v.pipe(
  number,
  v.gtValue(0),
  v.transform((kilobytes) => Math.round(kilobytes * 1024)),
)

const fileAnswer = v.pipe(
  object({
    id: maybe(id),
    name: textOr(''),
    type: textOr('Model'),
    sizeKB: maybe(bytesOfKilobytes),
    metadata: maybe(object({ format: maybe(text), size: maybe(text), fp: maybe(text) })),
    hashes: maybe(hashesAnswer),
    primary: flag,
    downloadUrl: maybe(downloadPath),
    pickleScanResult: maybe(text),
    virusScanResult: maybe(text),
  }),
  v.transform((answer): CivitaiFile => {
    const { sizeKB, metadata, hashes, downloadUrl, pickleScanResult, virusScanResult, ...same } = answer
    return {
      ...same,
      ...metadata,
      hashes: hashes ?? {},
      ...defined({ bytes: sizeKB, downloadPath: downloadUrl }),
      scans: defined({ pickle: pickleScanResult, virus: virusScanResult }),
    }
  }),
)

const imageAnswer = object({ url: text, type: textOr('image') })

const versionAnswer = object({
  id,
  modelId: maybe(id),
  name: textOr(''),
  baseModel: maybe(text),
  trainedWords: list(text),
  publishedAt: maybe(text),
  usageControl: maybe(text),
  description: maybe(text),
  files: list(fileAnswer),
  images: list(imageAnswer),
  model: maybe(object({ name: maybe(text), type: maybe(text), mode: maybe(text) })),
  paidAccess: maybe(object({ endsAt: maybe(text) })),
  earlyAccessEndsAt: maybe(text),
  earlyAccessDeadline: maybe(text),
  availability: maybe(text),
  earlyAccessTimeFrame: maybe(number),
})
type VersionAnswer = v.InferOutput<typeof versionAnswer>

const modelAnswer = object({
  id,
  name: textOr(''),
  type: textOr('Other'),
  nsfw: flag,
  mode: maybe(text),
  creator: maybe(object({ username: maybe(text) })),
  stats: maybe(
    object({ downloadCount: maybe(number), thumbsUpCount: maybe(number), thumbsDownCount: maybe(number) }),
  ),
  modelVersions: list(anything),
})

/** A model, or undefined if the answer is not one. */
export function civitaiModelOf(json: JsonValue | undefined, now: Date): CivitaiModel | undefined {
  const answer = read(modelAnswer, json)
  if (answer === undefined) return undefined
  const { creator, stats, modelVersions, nsfw, ...own } = answer
  return {
    ...own,
    nsfw,
    ...defined({
      creator: creator?.username,
      downloads: stats?.downloadCount,
      thumbsUp: stats?.thumbsUpCount,
      thumbsDown: stats?.thumbsDownCount,
    }),
    versions: modelVersions.flatMap((item) => versionOf(item, now, own) ?? []),
  }
}

type Owner = Pick<CivitaiModel, 'id' | 'name' | 'type' | 'mode'>

/** A version, or undefined if the answer is not one. `owner` is the model that lists it, if one does. */
export function versionOf(json: JsonValue | undefined, now: Date, owner?: Owner): CivitaiVersion | undefined {
  const answer = read(versionAnswer, json)
  if (answer === undefined || !isJsonObject(json)) return undefined
  const { id, name, trainedWords, files, images, model } = answer
  const { baseModel, publishedAt, usageControl, description } = answer
  return {
    ...defined({ baseModel, publishedAt, usageControl, description }),
    ...defined({ earlyAccess: earlyAccessOf(answer, now), modelId: answer.modelId ?? owner?.id }),
    ...defined({ mode: model?.mode ?? owner?.mode }),
    id,
    name,
    trainedWords,
    files,
    images,
    modelName: model?.name ?? owner?.name ?? '',
    modelType: model?.type ?? owner?.type ?? 'Other',
    raw: json,
  }
}

/** In the order of trust: the field of today's server, then those of older answers. */
function earlyAccessOf(answer: VersionAnswer, now: Date): EarlyAccess | undefined {
  const { paidAccess, availability, earlyAccessTimeFrame = 0 } = answer
  if (paidAccess) return defined({ until: paidAccess.endsAt })
  const until = answer.earlyAccessEndsAt ?? answer.earlyAccessDeadline
  const isOver = until !== undefined && !(Date.parse(until) > now.getTime())
  if (availability === 'EarlyAccess' || (until !== undefined && !isOver)) return defined({ until })
  return earlyAccessTimeFrame > 0 ? {} : undefined
}
