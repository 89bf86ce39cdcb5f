/** What `identify` finds out about each file: its hashes, what it was made from, what the site knows about those. */
import type { Api } from '../../civitai/api/api.ts'
import {
  type Ancestor,
  byBlake3,
  type Evidence,
  isNewer,
  lookUp,
  type Match,
  newestVersions,
} from '../../civitai/api/lookup.ts'
import type { CivitaiVersion } from '../../civitai/api/shapes.ts'
import type { HashCache } from '../../library/caches/hash-cache.ts'
import type { ListedFile } from '../../library/files.ts'
import { type Interruptible, withModel } from '../../library/session.ts'
import { parseRecipe, RECIPE_KEY, type Recipe } from '../../model/metadata/recipe.ts'
import { defined } from '../../system/defined.ts'
import type { World } from '../../system/world.ts'

export interface IdentifiedFile {
  readonly path: string
  /** For tables: the path below the folder that was named. */
  readonly name: string
  readonly sha256: string
  readonly matches: readonly Match[]
  /** How sdtool made it, if it did. */
  readonly operation?: string
  /** A later version of the same model. */
  readonly newer?: CivitaiVersion
}

export interface UnreadFile {
  readonly path: string
  readonly error: unknown
}

/** Files between two writings of the cache: so many are hashed again after a kill -9. */
const SAVE_EVERY = 10

/**
 * Hashes files and looks all of them up at once. Files that cannot be read do not stop the others.
 * @throws what `Api` throws; the reason of the signal
 */
export async function identifyFiles(
  listed: readonly Pick<ListedFile, 'path' | 'relative'>[],
  { api, cache, world }: { readonly api: Api; readonly cache: HashCache; readonly world: World },
): Promise<{ readonly files: readonly IdentifiedFile[]; readonly unread: readonly UnreadFile[] }> {
  const known: { path: string; name: string; evidence: Evidence; operation?: string }[] = []
  const unread: UnreadFile[] = []
  for (const [i, { path, relative: name }] of listed.entries()) {
    world.signal.throwIfAborted()
    try {
      known.push({ path, name, ...(await evidenceOf(path, cache, world)) })
    } catch (error) {
      world.signal.throwIfAborted()
      unread.push({ path, error })
    }
    if (i % SAVE_EVERY === SAVE_EVERY - 1) await cache.save()
  }
  const matches = await lookUp(
    known.map(({ evidence }) => evidence),
    api,
  )
  for (const [i, { path, evidence }] of known.entries()) {
    // a file that sdtool made is hardly ever on the site: not worth reading it again
    if (matches[i]!.length > 0 || evidence.ancestors.length > 0) continue
    const last = await byBlake3(await cache.blake3(path), api)
    if (last) matches[i] = [last]
  }
  const newest = await newestVersions(
    matches.flat().map(({ version }) => version),
    api,
  )
  const files = known.map(({ path, name, evidence, operation }, i): IdentifiedFile => {
    const own = matches[i]![0]
    const latest = own?.version.modelId === undefined ? undefined : newest.get(own.version.modelId)
    return {
      path,
      name,
      sha256: evidence.sha256,
      matches: matches[i]!,
      ...defined({ operation }),
      ...(own && latest && isNewer(latest, own.version) ? { newer: latest } : {}),
    }
  })
  return { files, unread }
}

async function evidenceOf(
  path: string,
  cache: HashCache,
  world: Interruptible,
): Promise<{ evidence: Evidence; operation?: string }> {
  const { sha256, autoV3 } = await cache.hashes(path)
  const header = await headerOf(path, world)
  if (!header) return { evidence: { sha256, ancestors: [] } }
  const { recipe } = header
  const ancestors = recipe === undefined ? [] : ancestorsOf(recipe)
  return {
    evidence: { sha256, ancestors, ...defined({ autoV3 }) },
    ...defined({ operation: recipe?.operation }),
  }
}

/** Undefined for other formats and damaged files: their hash may still be known. */
async function headerOf(
  path: string,
  world: Interruptible,
): Promise<{ readonly recipe?: Recipe } | undefined> {
  return withModel(path, world, async ({ model }) => {
    if (model.format !== 'safetensors') return undefined
    const recipe = parseRecipe(
      Object.hasOwn(model.metadata, RECIPE_KEY) ? model.metadata[RECIPE_KEY] : undefined,
    )
    return defined({ recipe })
  }).catch(() => undefined)
}

/** The files before sdtool changed them: where an input was made by sdtool, its own inputs come next. */
function ancestorsOf({ inputs }: Recipe): Ancestor[] {
  return inputs.flatMap((input): Ancestor[] => {
    const { name, sha256, autoV1, autoV3, recipe } = input
    const own = {
      name,
      ...defined({ sha256, autoV1, autoV3 }),
    }
    return [own, ...(recipe === undefined ? [] : ancestorsOf(recipe))]
  })
}
