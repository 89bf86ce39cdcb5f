/** From a reference to a version with its files. */
import { SdtoolError, usage } from '../../system/errors.ts'
import { type Api, optionally } from '../api/api.ts'
import type { FileWish, Reference } from '../api/reference.ts'
import type { CivitaiModel, CivitaiVersion } from '../api/shapes.ts'
import { looksModel } from './choose.ts'
import { messages } from './messages.ts'

export interface Resolved {
  readonly version: CivitaiVersion
  readonly wish: FileWish
}

/** The hash names a file of the version: that one is meant. */
type ByHash = Reference & { readonly kind: 'hash' }

/**
 * @throws USAGE (exit 2) when a number is a model and a version; CIVITAI_NO_VERSION, CIVITAI_ARCHIVED (exit 1); what `Api`
 *   throws
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
      throw usage(messages.versionOfAnotherModel(versionId, version.modelId, version.modelName, id))
    return version
  }
  const newest = newestVersion(await api.model(id))
  // the version by itself has more to say, but lags behind at times
  return (await optionally(() => api.version(newest.id))) ?? newest
}

/** @throws CIVITAI_ARCHIVED, CIVITAI_NO_VERSION (exit 1) */
function newestVersion({ id, name, mode, versions }: CivitaiModel): CivitaiVersion {
  const found =
    versions.find(({ files }) => files.some(looksModel)) ?? versions.find(({ files }) => files.length > 0)
  if (found) return found
  const hint = messages.seePage
  if (mode === 'Archived' || mode === 'TakenDown')
    throw new SdtoolError('CIVITAI_ARCHIVED', messages.modelGone(id, name, mode), { hint })
  throw new SdtoolError('CIVITAI_NO_VERSION', messages.noVersionWithFiles(id, name), { hint })
}

async function modelOrVersion(id: number, api: Api): Promise<CivitaiVersion> {
  const model = await optionally(() => api.model(id))
  const version = await optionally(() => api.version(id))
  if (model && version) {
    throw usage(messages.modelAndVersion(id, model.name, version.modelName), messages.writeWhich(id))
  }
  if (version) return version
  if (model) return versionOfModel({ id }, api)
  throw new SdtoolError('CIVITAI_NOT_FOUND', messages.neitherModelNorVersion(id, api.site.base.host), {
    hint: messages.mayBeOnAnotherHost,
  })
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
  throw new SdtoolError('CIVITAI_NOT_FOUND', messages.unknownHash(hash, api.site.base.host), {
    hint: messages.tryAnotherHash,
  })
}
