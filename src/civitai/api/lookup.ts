/** Which version a local file is, by the hashes of its bytes and of the files it was made from. */
import { defined } from '../../system/defined.ts'
import { inParallel } from '../../system/parallel.ts'
import { type Api, optionally } from './api.ts'
import type { CivitaiFile, CivitaiVersion } from './shapes.ts'

/** A file that another was made from. Lower-case hex. */
export interface Ancestor {
  readonly name: string
  readonly sha256?: string
  /** 64 digits. */
  readonly autoV3?: string
  readonly autoV1?: string
}

export interface Evidence {
  readonly sha256: string
  /** Of safetensors files only: of others it is meaningless. */
  readonly autoV3?: string
  /** From the recipe in the file. */
  readonly ancestors: readonly Ancestor[]
}

/**
 * How sure it is: the same file; the same tensors under other metadata; made from that file; or made from a file whose
 * oldest hash, of 64 KiB, is the same.
 */
export type Relation = 'same' | 'same-weights' | 'made-from' | 'maybe-made-from'

export interface Match {
  readonly relation: Relation
  readonly version: CivitaiVersion
  readonly file?: CivitaiFile
  /** Which of the ancestors it is. */
  readonly ancestor?: string
}

/** Enough to hide the latency of the site, few enough not to annoy it. */
const PARALLEL_QUESTIONS = 4

const AUTOV2_DIGITS = 10
const AUTOV3_DIGITS = 12

/**
 * Looks all files up at once by SHA-256, then the unknown ones one by one by their other hashes.
 * @returns for each file its matches, in the order of `files`; a merged file has one for each known ancestor
 * @throws what `Api` throws, except CIVITAI_NOT_FOUND
 */
export async function lookUp(files: readonly Evidence[], api: Api): Promise<Match[][]> {
  const hashes = files.flatMap(({ sha256, ancestors }) => [
    sha256,
    ...ancestors.flatMap((one) => one.sha256 ?? []),
  ])
  const known = bySha256(await api.versionsBySha256([...new Set(hashes)]))
  const asked = new Map<string, Promise<CivitaiVersion | undefined>>()
  const ask = (hash: string): Promise<CivitaiVersion | undefined> => {
    const answer = asked.get(hash) ?? optionally(() => api.versionByHash(hash))
    asked.set(hash, answer)
    return answer
  }
  return inParallel(files, PARALLEL_QUESTIONS, async (file) => {
    const own = known.get(file.sha256) ?? (await byOtherHashes(file, ask))
    return own ? [own] : ofAncestors(file.ancestors, known, ask)
  })
}

type Ask = (hash: string) => Promise<CivitaiVersion | undefined>

function bySha256(versions: readonly CivitaiVersion[]): Map<string, Match> {
  const found = new Map<string, Match>()
  for (const version of versions) {
    for (const file of version.files) {
      const { sha256 } = file.hashes
      // of a file that was published twice the first answer is the older version
      if (sha256 !== undefined && !found.has(sha256)) found.set(sha256, { relation: 'same', version, file })
    }
  }
  return found
}

/** The list of hashes lags behind at times; and files whose metadata was edited keep their AutoV3. */
async function byOtherHashes({ sha256, autoV3 }: Evidence, ask: Ask): Promise<Match | undefined> {
  const autoV2 = sha256.slice(0, AUTOV2_DIGITS)
  const same = await ask(autoV2)
  if (same) return { relation: 'same', version: same, ...fileWith(same, 'autoV2', autoV2) }
  if (autoV3 === undefined) return undefined
  const short = autoV3.slice(0, AUTOV3_DIGITS)
  const twin = await ask(short)
  return twin && { relation: 'same-weights', version: twin, ...fileWith(twin, 'autoV3', short) }
}

/** The last resort, as the whole file has to be read again for it: the site computes some hashes later than others. @throws what `Api` throws */
export async function byBlake3(blake3: string, api: Api): Promise<Match | undefined> {
  const version = await optionally(() => api.versionByHash(blake3))
  return version && { relation: 'same', version, ...fileWith(version, 'blake3', blake3) }
}

async function ofAncestors(
  ancestors: readonly Ancestor[],
  known: ReadonlyMap<string, Match>,
  ask: Ask,
): Promise<Match[]> {
  const matches: Match[] = []
  for (const ancestor of ancestors) {
    const match = await ofAncestor(ancestor, known, ask)
    if (match) matches.push({ ...match, ancestor: ancestor.name })
  }
  return matches
}

/** By the surest hash that the site knows. */
async function ofAncestor(
  { sha256, autoV3, autoV1 }: Ancestor,
  known: ReadonlyMap<string, Match>,
  ask: Ask,
): Promise<Match | undefined> {
  const exact = known.get(sha256 ?? '')
  if (exact) return { ...exact, relation: 'made-from' }
  const byTensors = autoV3 && (await ask(autoV3.slice(0, AUTOV3_DIGITS)))
  if (byTensors) return { relation: 'made-from', version: byTensors }
  const byStart = autoV1 && (await ask(autoV1))
  return byStart ? { relation: 'maybe-made-from', version: byStart } : undefined
}

function fileWith(
  { files }: CivitaiVersion,
  hash: 'autoV2' | 'autoV3' | 'blake3',
  value: string,
): { file?: CivitaiFile } {
  const file = files.find(({ hashes }) => hashes[hash] === value)
  return defined({ file })
}

/** The newest version of each model, by the ID of the model. @throws what `Api` throws */
export async function newestVersions(
  versions: readonly CivitaiVersion[],
  api: Api,
): Promise<Map<number, CivitaiVersion>> {
  const ids = [...new Set(versions.flatMap(({ modelId }) => modelId ?? []))]
  const newest = new Map<number, CivitaiVersion>()
  for (const { id, versions } of await api.models(ids)) {
    const latest = versions.reduce<CivitaiVersion | undefined>(
      (a, b) => (a && dateOf(a) >= dateOf(b) ? a : b),
      undefined,
    )
    if (latest) newest.set(id, latest)
  }
  return newest
}

/** ISO dates compare as text. */
function dateOf({ publishedAt = '' }: CivitaiVersion): string {
  return publishedAt
}

export function isNewer(candidate: CivitaiVersion | undefined, own: CivitaiVersion): boolean {
  return candidate !== undefined && candidate.id !== own.id && dateOf(candidate) > dateOf(own)
}
