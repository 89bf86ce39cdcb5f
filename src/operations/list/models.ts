/** The model files of a folder with what is known of each, opened only where that is not in the cache. */

import { resolve } from 'node:path'
import { civitaiInfoBeside } from '../../civitai/plan/sidecars.ts'
import type { CachedFile, LibraryCache } from '../../library/caches/library-cache.ts'
import type { LibraryFacts } from '../../library/facts.ts'
import type { FoundFile } from '../../library/scan.ts'
import { identifyFile, withModel } from '../../library/session.ts'
import { hashModel, modelStat } from '../../library/shards.ts'
import { errorReport } from '../../report/terminal/error.ts'
import { defined } from '../../system/defined.ts'
import { inParallel } from '../../system/parallel.ts'
import type { Environment, Progress } from '../../system/world.ts'
import { readValues } from '../../tensor/values/expr.ts'
import { fileContent, libraryFacts, partContent } from './facts.ts'

/** A file of the library. */
export interface LibraryFile extends CachedFile {
  readonly path: string
  /** Below the folder that is listed. */
  readonly name: string
  /** As the `.civitai.info` beside it says. */
  readonly baseModel?: string
  /** In its metadata; if it has none there, in the `.civitai.info` beside it. */
  readonly triggers: readonly string[]
}

/** Files open at the same time: enough to hide the latency of a disk. */
const LANES = 8

/** Refused files are results with an error. @throws the reason of the signal */
export function libraryOf(
  files: readonly FoundFile[],
  cache: LibraryCache,
  progress: Progress,
  environment: Environment,
): Promise<LibraryFile[]> {
  let done = 0
  return inParallel(files, LANES, async ({ path, name }) => {
    environment.signal.throwIfAborted()
    const known = await knownFile(path, cache, environment)
    const own = known.facts?.triggers ?? []
    const { baseModel, triggers: stated } = await civitaiInfoBeside(path)
    const triggers = own.length > 0 ? own : stated
    progress.update(++done, files.length)
    return { ...known, path, name, ...defined({ baseModel }), triggers }
  })
}

async function knownFile(path: string, cache: LibraryCache, environment: Environment): Promise<CachedFile> {
  const { bytes, mtimeMs } = await modelStat(path)
  const known = cache.get(resolve(path), bytes, mtimeMs)
  if (known !== undefined) return known
  const found = { bytes, mtimeMs, ...(await factsOf(path, environment)) }
  cache.set(resolve(path), found)
  return found
}

async function factsOf(path: string, environment: Environment): Promise<Pick<CachedFile, 'facts' | 'error'>> {
  try {
    const facts: LibraryFacts = await withModel(path, environment, async (opened) => {
      const { model, read } = opened
      return libraryFacts(model, await identifyFile(path, opened), read, (tensor) => readValues(tensor, read))
    })
    return { facts }
  } catch (error) {
    const { code, message } = errorReport(error)
    return { error: { code, message } }
  }
}

/** Files, or components of files, that are the same. */
export interface Duplicates {
  /** Title of a component; undefined for whole files. */
  readonly component?: string
  readonly files: readonly LibraryFile[]
  /** What one of them takes. */
  readonly bytes: number
  /** All values were compared, not only a sample of them. */
  readonly proven: boolean
}

/** What looks the same by a sample of its values. Components of files that are the same as a whole are not told again. */
export function likelyDuplicates(files: readonly LibraryFile[]): Duplicates[] {
  const whole = groups(files, ({ facts }) =>
    facts?.digest === undefined ? [] : [[facts.digest, undefined, 0]],
  )
  const twins = new Set(whole.flatMap(({ files: [, ...others] }) => others))
  const first = files.filter((file) => !twins.has(file))
  const parts = groups(first, ({ facts }) => {
    return (facts?.parts ?? []).map(
      ({ id, title, sample, bytes }) => [`${id} ${sample}`, title, bytes] as const,
    )
  })
  return [...whole, ...parts]
}

type Keyed = readonly [key: string, component: string | undefined, bytes: number]

function groups(
  files: readonly LibraryFile[],
  keysOf: (file: LibraryFile) => readonly Keyed[],
): Duplicates[] {
  const found = new Map<string, { component: string | undefined; bytes: number; files: LibraryFile[] }>()
  for (const file of files) {
    for (const [key, component, bytes] of keysOf(file)) {
      const group = found.get(key) ?? { component, bytes: bytes || file.bytes, files: [] }
      found.set(key, group)
      group.files.push(file)
    }
  }
  return [...found.values()]
    .filter((group) => group.files.length > 1)
    .map(({ component, ...group }) => ({
      ...defined({ component }),
      ...group,
      proven: false,
    }))
}

/**
 * The same after all values of what looks alike were read.
 * @throws what `withModel` throws, and the reason of the signal
 */
export async function provenDuplicates(
  files: readonly LibraryFile[],
  cache: LibraryCache,
  progress: Progress,
  environment: Environment,
): Promise<Duplicates[]> {
  const likely = likelyDuplicates(files)
  const all = likely.reduce((sum, group) => sum + group.files.length, 0)
  let done = 0
  const proven: Duplicates[] = []
  for (const group of likely) {
    const keys = new Map<string, LibraryFile[]>()
    const keyOf = keyFor(group, cache, environment)
    for (const file of group.files) {
      environment.signal.throwIfAborted()
      const key = await keyOf(file)
      keys.set(key, [...(keys.get(key) ?? []), file])
      progress.update(++done, all)
    }
    for (const same of keys.values())
      if (same.length > 1) proven.push({ ...group, files: same, proven: true })
  }
  return proven
}

/** What is equal for equal components, or equal files. */
function keyFor(
  { component }: Duplicates,
  cache: LibraryCache,
  environment: Environment,
): (file: LibraryFile) => Promise<string> {
  if (component !== undefined) return (file) => contentOf(file, component, cache, environment)
  // copies have the same AutoV3: only the first of them is read as a model
  const contents = new Map<string, string>()
  return async (file) => {
    const autoV3 = await autoV3Of(file, cache, environment)
    const content = (autoV3 && contents.get(autoV3)) || (await contentOf(file, WHOLE, cache, environment))
    if (autoV3 !== undefined) contents.set(autoV3, content)
    return content
  }
}

/** Where the content of a whole file stands among those of its components. */
const WHOLE = ''

/** Undefined for what is not safetensors. */
async function autoV3Of(
  file: LibraryFile,
  cache: LibraryCache,
  environment: Environment,
): Promise<string | undefined> {
  const known = cache.get(resolve(file.path), file.bytes, file.mtimeMs) ?? file
  if (known.autoV3 !== undefined) return known.autoV3
  const { autoV3 } = await hashModel(file.path, { only: ['autoV3'], signal: environment.signal })
  if (autoV3 !== undefined) cache.set(resolve(file.path), { ...withoutPlace(known), autoV3 })
  return autoV3
}

async function contentOf(
  file: LibraryFile,
  title: string,
  cache: LibraryCache,
  environment: Environment,
): Promise<string> {
  const known = cache.get(resolve(file.path), file.bytes, file.mtimeMs) ?? file
  const content = known.contents?.[title]
  if (content !== undefined) return content
  const made = await withModel(file.path, environment, async (opened) => {
    if (title === WHOLE) return fileContent(opened.model, opened.read)
    const identity = await identifyFile(file.path, opened)
    const component = identity.components.find((one) => one.title === title)!
    return partContent(opened.model, identity, component, opened.read)
  })
  cache.set(resolve(file.path), { ...withoutPlace(known), contents: { ...known.contents, [title]: made } })
  return made
}

function withoutPlace({
  path,
  name,
  baseModel,
  triggers,
  ...file
}: CachedFile & Partial<LibraryFile>): CachedFile {
  return file
}
