/** The files that programs look for next to a model: `.civitai.info`, a preview picture, the user metadata of A1111. */

import { existsSync } from 'node:fs'
import { lstat, readFile, realpath, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createAtomic } from '../../system/atomic.ts'
import { writeFully } from '../../system/bytes.ts'
import { defined } from '../../system/defined.ts'
import { SdtoolError } from '../../system/errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, ownValue, parseJsonText } from '../../system/json.ts'
import type { CivitaiVersion } from '../api/shapes.ts'
import { id, list, maybe, object, read, text } from '../api/tolerant.ts'
import { follow } from '../http/follow.ts'
import { isPrivateHost, mayBePrivate, type Site } from '../http/hosts.ts'
import { deadline, type HttpWorld, networkError, readBody } from '../http/http.ts'
import { kindOfName } from './file-kinds.ts'
import { nameKey, splitName } from './file-name.ts'
import { messages } from './messages.ts'

export const SIDECARS = ['info', 'preview', 'a1111'] as const
export type Sidecar = (typeof SIDECARS)[number]

export interface CivitaiSidecarJob {
  /** The model file. */
  readonly path: string
  readonly sha256?: string
  readonly version: CivitaiVersion
  readonly kinds: readonly Sidecar[]
  /** All files of this run: none of them is a sidecar, whatever its name. */
  readonly files?: readonly string[]
}

/**
 * Writes the sidecars of a model that are missing; nothing that exists is replaced, and no sidecar is ever the model
 * itself, or another file of the run.
 * @returns the paths that were written, and why others were not
 * @throws the reason of the signal
 */
export async function writeSidecars(
  job: CivitaiSidecarJob,
  site: Site,
  world: HttpWorld,
): Promise<{ readonly written: readonly string[]; readonly problems: readonly string[] }> {
  const written: string[] = []
  const problems: string[] = []
  const writers: Readonly<Record<Sidecar, () => Promise<string | undefined>>> = {
    info: () => writeInfo(job),
    preview: () => writePreview(job, site, world),
    a1111: () => writeUserMetadata(job),
  }
  for (const kind of job.kinds) {
    try {
      const path = await writers[kind]()
      if (path !== undefined) written.push(path)
    } catch (error) {
      world.signal.throwIfAborted()
      problems.push((error as Error).message)
    }
  }
  return { written, problems }
}

/** `models/Lora/miku` of `models/Lora/miku.safetensors`. */
export function sidecarStem(path: string): string {
  return splitName(path).stem
}

/** The answer of the API as it is (Civitai Helper, and others after it). */
async function writeInfo(job: CivitaiSidecarJob): Promise<string | undefined> {
  const { path, version } = job
  const info = `${sidecarStem(path)}.civitai.info`
  await checkIsSidecar(info, job)
  if (await isTaken(info)) {
    const own = read(infoFile, await jsonAt(info))?.id
    if (own !== undefined && own !== version.id)
      throw foreign(messages.sidecarOfAnotherVersion(info, String(own), version.id))
    return undefined
  }
  await writeWhole(info, `${JSON.stringify(version.raw, null, 4)}\n`)
  return info
}

/** Also by a link that leads nowhere. */
async function isTaken(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

/** @throws CIVITAI_SIDECAR (exit 1) where the name is that of the model, or of another file of the run */
async function checkIsSidecar(sidecar: string, { path, files = [] }: CivitaiSidecarJob): Promise<void> {
  const [own, others] = [nameKey(sidecar), await stat(sidecar).catch(() => undefined)]
  for (const file of [path, ...files]) {
    const info = others && (await stat(file).catch(() => undefined))
    const isLinked = info !== undefined && info.ino === others?.ino && info.dev === others.dev
    if (own !== nameKey(file) && !isLinked) continue
    if (file === path) throw foreign(messages.sidecarIsTheModel(sidecar))
    throw foreign(messages.sidecarIsAnotherFile(sidecar, basename(file)))
  }
}

function foreign(message: string): SdtoolError {
  return new SdtoolError('CIVITAI_SIDECAR', message)
}

const infoFile = object({ id: maybe(id), trainedWords: list(text) })

/** The site's answers have some 100 KB. What is much larger is something else under that name. */
const MAX_INFO_BYTES = 16 * 1024 * 1024

/** The trigger words in the `.civitai.info` of a model, whoever wrote it; none if there is no such file. */
export async function triggerWordsBeside(path: string): Promise<readonly string[]> {
  const info = read(infoFile, await jsonAt(`${sidecarStem(path)}.civitai.info`))
  return (info?.trainedWords ?? []).map((word) => word.trim()).filter((word) => word !== '')
}

/** Undefined for what is not JSON, not a file, or too large for a sidecar. */
async function jsonAt(path: string): Promise<JsonValue | undefined> {
  const info = await stat(path).catch(() => undefined)
  if (!info?.isFile() || info.size > MAX_INFO_BYTES) return undefined
  return parseJsonText(await readFile(path, 'utf8').catch(() => ''), MAX_INFO_BYTES)
}

/** @param force replaces what is there */
async function writeWhole(path: string, content: string | Uint8Array, force = false): Promise<void> {
  const bytes = Buffer.from(content)
  const file = await createAtomic(path, { force, bytes: bytes.byteLength, inputs: [] })
  try {
    await writeFully(file.handle, bytes)
    await file.commit()
  } catch (error) {
    await file.abort()
    throw error
  }
}

interface Picture {
  readonly ending: string
  matches(head: Buffer): boolean
}

/** By content: the site's addresses end in .jpeg whatever they give. */
const PICTURES: readonly Picture[] = [
  { ending: 'png', matches: (head) => head.toString('latin1', 0, 4) === '\x89PNG' },
  { ending: 'jpg', matches: (head) => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff },
  {
    ending: 'webp',
    matches: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
  { ending: 'gif', matches: (head) => head.toString('latin1', 0, 4) === 'GIF8' },
]

/** What A1111 takes for the picture of a model. */
const PREVIEW_ENDINGS = ['', '.preview'].flatMap((middle) =>
  ['png', 'jpg', 'jpeg', 'webp', 'gif'].map((ending) => `${middle}.${ending}`),
)

const PREVIEW_WIDTH = 450
/** At that width they have 100 KB. */
const MAX_PREVIEW_BYTES = 20 * 1024 * 1024

async function writePreview(
  job: CivitaiSidecarJob,
  site: Site,
  world: HttpWorld,
): Promise<string | undefined> {
  const { path, version } = job
  const stem = sidecarStem(path)
  if (PREVIEW_ENDINGS.some((ending) => existsSync(stem + ending))) return undefined
  const image = version.images.find(({ type }) => type === 'image')
  if (!image) return undefined
  const bytes = await fetchPicture(image.url, site, world)
  const picture = PICTURES.find(({ matches }) => matches(bytes))
  if (!picture) throw new SdtoolError('CIVITAI_PREVIEW', messages.notAPicture(path))
  const preview = `${stem}.preview.${picture.ending}`
  await checkIsSidecar(preview, job)
  await writeWhole(preview, bytes)
  return preview
}

async function fetchPicture(address: string, site: Site, world: HttpWorld): Promise<Buffer> {
  // a path segment of the address names the size
  const url = new URL(address.replace(/\/(?:width=\d+|original=true)(?=\/)/, `/width=${PREVIEW_WIDTH}`))
  const foreign = isPrivateHost(url.hostname) && !mayBePrivate(url, site)
  if (foreign || !/^https?:$/.test(url.protocol))
    throw new SdtoolError('CIVITAI_PREVIEW', messages.previewAddress(url.host))
  const limit = deadline(world, 'wholeMs')
  try {
    const { answer } = await follow(
      { url, headers: { accept: 'image/*' }, signal: limit.signal },
      site,
      world,
    )
    if (answer.status === 200) return await readBody(answer, MAX_PREVIEW_BYTES, url)
    answer.discard()
    throw new SdtoolError('CIVITAI_PREVIEW', messages.previewStatus(url.host, answer.status))
  } catch (cause) {
    world.signal.throwIfAborted()
    throw cause instanceof SdtoolError ? cause : networkError(cause, url)
  } finally {
    limit.lift()
  }
}

/**
 * A1111's own notes on a model: keys that are missing are added, nothing else is touched. Other files of that name, and
 * notes on another version, are left alone.
 */
async function writeUserMetadata(job: CivitaiSidecarJob): Promise<string | undefined> {
  // A1111 shows no card of a workflow or an archive
  if (kindOfName(job.path)?.proof !== 'model') return undefined
  const path = `${sidecarStem(job.path)}.json`
  await checkIsSidecar(path, job)
  const isThere = await isTaken(path)
  const found = isThere ? await notesAt(path, job) : {}
  const merged = mergeMissing(found, userMetadata(job))
  if (merged === undefined) return undefined
  // a link stays one
  await writeWhole(isThere ? await realpath(path) : path, `${JSON.stringify(merged, null, 4)}\n`, isThere)
  return path
}

/** Keys that A1111's editor and Civitai Browser+ write, and that other JSON files have not. */
const NOTE_KEYS = [
  'sd version',
  'activation text',
  'preferred weight',
  'negative text',
  'notes',
  'vae',
  'modelVersionId',
]

const notesFile = object({ sha256: maybe(text) })

/** The notes that are there. @throws CIVITAI_SIDECAR (exit 1) for another file, or for notes on another one */
async function notesAt(path: string, { version, sha256 }: CivitaiSidecarJob): Promise<JsonObject> {
  const found = await jsonAt(path)
  const isNotes =
    isJsonObject(found) &&
    (Object.keys(found).length === 0 || NOTE_KEYS.some((key) => Object.hasOwn(found, key)))
  if (!isNotes) throw foreign(messages.notNotes(path))
  const own = ownValue(found, 'modelVersionId') ?? undefined
  if (own !== undefined && own !== version.id)
    throw foreign(messages.sidecarOfAnotherVersion(path, JSON.stringify(own), version.id))
  const hash = read(notesFile, found)?.sha256?.toLowerCase()
  // one version may have several files
  if (own === undefined && hash !== undefined && sha256 !== undefined && hash !== sha256)
    throw foreign(messages.sidecarOfAnotherFile(path))
  return found
}

/** Undefined if nothing is missing. */
function mergeMissing(own: JsonObject, facts: JsonObject): JsonObject | undefined {
  const missing = Object.entries(facts).filter(([key]) => !Object.hasOwn(own, key))
  return missing.length === 0 ? undefined : { ...own, ...Object.fromEntries(missing) }
}

/** Keys: A1111 `modules/ui_extra_networks_user_metadata.py` and extensions-builtin/Lora; the last three: Civitai Browser+. */
export function userMetadata({ version, sha256 }: Pick<CivitaiSidecarJob, 'version' | 'sha256'>): JsonObject {
  const { modelId, baseModel, trainedWords, description } = version
  return defined({
    description: description === undefined ? undefined : plainText(description),
    'sd version': sdVersion(baseModel),
    'activation text': activationText(trainedWords),
    'preferred weight': 0,
    sha256: sha256?.toUpperCase(),
    modelId,
    modelVersionId: version.id,
  })
}

/** The choices of A1111's editor. */
const SD_VERSIONS: readonly (readonly [base: RegExp, version: string])[] = [
  [/^SD 1/i, 'SD1'],
  [/^SD 2/i, 'SD2'],
  [/^(SDXL|Pony|Illustrious|NoobAI)/i, 'SDXL'],
]

function sdVersion(base: string | undefined): string {
  if (base === undefined) return 'Unknown'
  return SD_VERSIONS.find(([pattern]) => pattern.test(base))?.[1] ?? 'Other'
}

/** Words in a list, or whole prompts, which have commas of their own, with ` || ` between them. */
export function activationText(words: readonly string[]): string {
  const plain = words
    .map((word) =>
      word
        .slice(0, MAX_TEXT)
        .replaceAll(/<\w+:[^<>]*>/g, '')
        .replace(/[\s,]+$/, '')
        .trim(),
    )
    .filter((word) => word !== '')
  return plain.join(plain.some((word) => word.includes(',')) ? ' || ' : ', ')
}

const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    '#39': "'",
    nbsp: ' ',
  }),
)

/** Longer texts are cut: the patterns below take long on them. */
const MAX_TEXT = 20_000

function plainText(html: string): string {
  return html
    .slice(0, MAX_TEXT)
    .replaceAll(/<\/(?:p|h\d|li|div)>|<br\s*\/?>/gi, '\n')
    .replaceAll(/<[^<>]*>/g, '')
    .replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES.get(name) ?? whole)
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}
