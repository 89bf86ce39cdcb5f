/** The files that programs look for beside a model: `.civitai.info`, a preview picture, the user metadata of A1111. */

import { existsSync } from 'node:fs'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { SdtoolError } from '../errors.ts'
import { splitName } from './file-name.ts'
import { follow } from './follow.ts'
import { isPrivateHost, mayBePrivate, type Site } from './hosts.ts'
import { readBody, type World } from './http.ts'
import { isObject, type Json, type JsonObject, parseJson, textsField } from './json.ts'
import type { CivitaiVersion } from './shapes.ts'

export const SIDECARS = ['info', 'preview', 'a1111'] as const
export type Sidecar = (typeof SIDECARS)[number]

export interface SidecarJob {
  /** The model file. */
  readonly path: string
  readonly sha256?: string
  readonly version: CivitaiVersion
  readonly kinds: readonly Sidecar[]
}

/**
 * Writes what is missing beside a model; nothing that is there is replaced.
 * @returns the paths that were written, and why others were not
 */
export async function writeSidecars(
  job: SidecarJob,
  site: Site,
  world: World,
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
export function stemOf(path: string): string {
  return splitName(path).stem
}

/** The answer of the API as it is (Civitai Helper, and others after it). */
async function writeInfo({ path, version }: SidecarJob): Promise<string | undefined> {
  const info = `${stemOf(path)}.civitai.info`
  if (existsSync(info)) return undefined
  await writeWhole(info, `${JSON.stringify(version.raw, null, 4)}\n`)
  return info
}

/** The site's answers have some 100 KB. What is much larger is something else under that name. */
const MAX_INFO_BYTES = 16 * 1024 * 1024

/** The trigger words in the `.civitai.info` beside a model, whoever wrote it; none if there is no such file. */
export async function triggerWordsBeside(path: string): Promise<readonly string[]> {
  const info = `${stemOf(path)}.civitai.info`
  const size = await stat(info).then(
    ({ size }) => size,
    () => 0,
  )
  if (size === 0 || size > MAX_INFO_BYTES) return []
  const words = textsField(parseJson(await readFile(info, 'utf8').catch(() => '')), 'trainedWords')
  return words.map((word) => word.trim()).filter((word) => word !== '')
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  try {
    await writeFile(temporary, content)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
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
  { path, version }: SidecarJob,
  site: Site,
  world: World,
): Promise<string | undefined> {
  const stem = stemOf(path)
  if (PREVIEW_ENDINGS.some((ending) => existsSync(stem + ending))) return undefined
  const image = version.images.find(({ type }) => type === 'image')
  if (!image) return undefined
  const bytes = await fetchPicture(image.url, site, world)
  const picture = PICTURES.find(({ matches }) => matches(bytes))
  if (!picture)
    throw new SdtoolError('CIVITAI_PREVIEW', `${path}: what the site gives as its picture is none`)
  const preview = `${stem}.preview.${picture.ending}`
  await writeWhole(preview, bytes)
  return preview
}

async function fetchPicture(address: string, site: Site, world: World): Promise<Buffer> {
  // a path segment of the address names the size
  const url = new URL(address.replace(/\/(?:width=\d+|original=true)(?=\/)/, `/width=${PREVIEW_WIDTH}`))
  const foreign = isPrivateHost(url.hostname) && !mayBePrivate(url, site)
  if (foreign || !/^https?:$/.test(url.protocol))
    throw new SdtoolError('CIVITAI_PREVIEW', `${url.host}: no place for a picture`)
  const { answer } = await follow({ url, headers: { accept: 'image/*' } }, site, world)
  if (answer.status !== 200) {
    answer.discard()
    throw new SdtoolError('CIVITAI_PREVIEW', `${url.host} answers ${answer.status} for the preview`)
  }
  return readBody(answer, MAX_PREVIEW_BYTES, url)
}

/**
 * A1111's own notes on a model: keys the person has not filled are added, nothing else is touched. What is no JSON
 * object is left alone.
 */
async function writeUserMetadata(job: SidecarJob): Promise<string | undefined> {
  const path = `${stemOf(job.path)}.json`
  const found = existsSync(path) ? parseJson(await readFile(path, 'utf8')) : {}
  if (!isObject(found)) return undefined
  const merged = mergeMissing(found, userMetadata(job))
  if (merged === undefined) return undefined
  await writeWhole(path, `${JSON.stringify(merged, null, 4)}\n`)
  return path
}

/** Undefined if nothing is missing. */
function mergeMissing(own: JsonObject, facts: JsonObject): JsonObject | undefined {
  const missing = Object.entries(facts).filter(([key]) => !Object.hasOwn(own, key))
  return missing.length === 0 ? undefined : { ...own, ...Object.fromEntries(missing) }
}

/** Keys: A1111 `modules/ui_extra_networks_user_metadata.py` and extensions-builtin/Lora; the last three: Civitai Browser+. */
export function userMetadata({ version, sha256 }: Pick<SidecarJob, 'version' | 'sha256'>): JsonObject {
  const { id, modelId, baseModel, trainedWords, description } = version
  const facts: Record<string, Json | undefined> = {
    description: description === undefined ? undefined : plainText(description),
    'sd version': sdVersion(baseModel),
    'activation text': activationText(trainedWords),
    'preferred weight': 0,
    sha256: sha256?.toUpperCase(),
    modelId,
    modelVersionId: id,
  }
  return Object.fromEntries(
    Object.entries(facts).filter((fact): fact is [string, Json] => fact[1] !== undefined),
  )
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

/** Pages of text are for the page of the model; patterns take long on more. */
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
