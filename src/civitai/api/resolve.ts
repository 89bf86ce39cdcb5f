/** From what a person named to a version with its files. */
import { EXIT, SdtoolError, usage } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { looksModel } from '../plan/choose.ts'
import type { Api } from './api.ts'
import type { FileWish, Reference } from './reference.ts'
import type { CivitaiModel, CivitaiVersion } from './shapes.ts'

export interface Resolved {
  readonly version: CivitaiVersion
  readonly wish: FileWish
}

/** The hash names a file of the version: that one is meant. */
type ByHash = Reference & { readonly kind: 'hash' }

/**
 * @throws USAGE when a number is a model and a version; CIVITAI_NO_VERSION; what `Api` throws
 */
export async function resolveReference(reference: Reference, api: Api): Promise<Resolved> {
  const { wish } = reference
  switch (reference.kind) {
    case 'version':
      return { version: await api.version(reference.id), wish }
    case 'model':
      return { version: await versionOfModel(reference, api), wish }
    case 'hash':
      return byHash(reference, api)
    case 'number':
      return { version: await modelOrVersion(reference.id, api), wish }
  }
}

/** The version that was named, checked to be of that model; otherwise the newest that has something to download. */
async function versionOfModel(
  { id, versionId }: { readonly id: number; readonly versionId?: number },
  api: Api,
): Promise<CivitaiVersion> {
  if (versionId !== undefined) {
    const version = await api.version(versionId)
    if (version.modelId !== undefined && version.modelId !== id)
      throw usage(
        `version ${versionId} is of model ${version.modelId} (${quoted(version.modelName)}), not of ${id}`,
      )
    return version
  }
  const newest = newestVersion(await api.model(id))
  // the version by itself has more to say, but lags behind at times
  return (await optionally(() => api.version(newest.id))) ?? newest
}

/** @throws CIVITAI_ARCHIVED, CIVITAI_NO_VERSION */
function newestVersion({ id, name, mode, versions }: CivitaiModel): CivitaiVersion {
  const found =
    versions.find(({ files }) => files.some(looksModel)) ?? versions.find(({ files }) => files.length > 0)
  if (found) return found
  const gone = mode === 'Archived' || mode === 'TakenDown'
  const code = gone ? 'CIVITAI_ARCHIVED' : 'CIVITAI_NO_VERSION'
  const why = gone ? `is ${mode === 'Archived' ? 'archived' : 'taken down'}` : 'has no version with a file'
  throw new SdtoolError(code, `model ${id} (${quoted(name)}) ${why}`, { hint: 'See its page on the site.' })
}

async function modelOrVersion(id: number, api: Api): Promise<CivitaiVersion> {
  const model = await optionally(() => api.model(id))
  const version = await optionally(() => api.version(id))
  if (model && version) {
    throw usage(
      `${id} is the model ${quoted(model.name)} and also a version of ${quoted(version.modelName)}`,
      `Write model:${id} or version:${id}.`,
    )
  }
  if (version) return version
  if (model) return versionOfModel({ id }, api)
  throw new SdtoolError(
    'CIVITAI_NOT_FOUND',
    `${id} is neither a model nor a version on ${api.site.base.host}`,
    {
      hint: 'It may be deleted, or only on another host of the site: --civitai-url https://civitai.red.',
    },
  )
}

/** What may be missing. */
export async function optionally<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof SdtoolError && error.code === 'CIVITAI_NOT_FOUND') return undefined
    throw error
  }
}

/** A LoRA names its AutoV3 with 64 digits in its metadata, the site knows only the first 12. */
const AUTOV3_DIGITS = 12

async function byHash({ hash, wish }: ByHash, api: Api): Promise<Resolved> {
  const spellings = hash.length === 64 ? [hash, hash.slice(0, AUTOV3_DIGITS)] : [hash]
  for (const spelling of spellings) {
    const version = await optionally(() => api.versionByHash(spelling))
    if (!version) continue
    const file = version.files.find(({ hashes }) => Object.values(hashes).includes(spelling))
    return { version, wish: file?.id === undefined ? wish : { ...wish, fileId: file.id } }
  }
  throw new SdtoolError(
    'CIVITAI_NOT_FOUND',
    `no published file on ${api.site.base.host} has the hash ${hash}`,
    {
      exitCode: EXIT.failed,
      hint: 'Unpublished and deleted versions are not found by hash; try another hash of the file (sdtool inspect --hashes).',
    },
  )
}
