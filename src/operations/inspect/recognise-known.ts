/** Says which published file a file is, and whose VAE a checkpoint has. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { foldersOfKind, type ModelFolders } from '../../library/resolve.ts'
import type { FoundFile } from '../../library/scan.ts'
import { withModel } from '../../library/session.ts'
import { info } from '../../model/finding.ts'
import { knownBySha256, knownVaesByAutoV1 } from '../../model/identify/hashes-known.ts'
import { canonicalVae } from '../../model/identify/vae.ts'
import {
  compareVaes,
  knownVae,
  type ReadableVae,
  readableVae,
  SMALL_TENSOR_BYTES,
  vaeContent,
} from '../../model/identify/vae-content.ts'
import type { KnownFile } from '../../model/identity.ts'
import type { ReadableModel } from '../../model/model.ts'
import type { Hashes } from '../../system/hash.ts'
import { quoted } from '../../system/text.ts'
import type { Environment } from '../../system/world.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { hashWithProgress } from '../hashing.ts'
import { messages } from './messages.ts'
import type { InspectionOptions } from './options.ts'

type OpenModel = ReadableModel<KnownFile>

export interface Recognised {
  readonly hashes: { readonly vae?: string; readonly vaeMetric?: string }
  readonly findings: readonly Finding[]
}

/**
 * With the hashes of the file, everything is compared. Without them a VAE file is known by 64 KiB of it, a baked VAE
 * by its small tensors, if there are files of `--models` to compare it with.
 */
export async function recogniseKnown(
  model: OpenModel,
  hashes: Hashes,
  options: InspectionOptions,
  environment: Environment,
): Promise<Recognised> {
  const complete = options.hashes
  const vae = readableVae(model.file, model.read)
  const content = complete && vae ? await vaeContent(vae) : undefined
  const baked =
    vae && model.identity.kind === 'checkpoint' ? await sameVaeFile(model, vae, options, environment) : []
  return {
    hashes: {
      ...(content && { vae: content.fingerprint }),
      ...(content?.metric !== undefined && { vaeMetric: String(content.metric).padStart(4, '0') }),
    },
    findings: [
      ...(complete ? knownFile(hashes) : await maybeKnownVae(model, environment)),
      ...(content ? knownVae(content) : []),
      ...baked,
    ],
  }
}

function knownFile({ sha256 }: Hashes): Finding[] {
  const known = sha256 === undefined ? undefined : knownBySha256(sha256)
  return known ? [info('known-file', messages.knownFile(known.name))] : []
}

async function maybeKnownVae(
  { name, file, identity: { kind } }: OpenModel,
  environment: Environment,
): Promise<Finding[]> {
  if (kind !== 'vae') return []
  const { autoV1 } = await hashWithProgress(name, ['autoV1'], { signal: environment.signal })
  const known = autoV1 === undefined ? [] : knownVaesByAutoV1(autoV1, file.file.size)
  return known.map(({ name }) => {
    return info('known-file', messages.probablyKnownFile(name))
  })
}

/** A VAE in fp32 has 335 MB, with the discriminator it was trained with 0.8 GB; larger files are something else. */
const MAX_VAE_FILE_BYTES = 1_000_000_000
/** A folder has a dozen VAEs; each costs a few milliseconds. */
const MAX_VAE_FILES = 100
/** The same VAE often lies there under several names. */
const MAX_NAMED = 3

/** Files of the user's VAE folders with the values of the VAE that is baked into a checkpoint. */
async function sameVaeFile(
  model: OpenModel,
  baked: ReadableVae,
  options: InspectionOptions,
  environment: Environment,
): Promise<Finding[]> {
  const maxBytes = options.hashes ? Number.POSITIVE_INFINITY : SMALL_TENSOR_BYTES
  const same: string[] = []
  let compared = 0
  for (const path of await vaeFiles(model.name, options.folders)) {
    environment.signal.throwIfAborted()
    const equal = await compareWithFile(baked, path, maxBytes, environment)
    if (equal === undefined || equal === 0) continue
    same.push(path)
    compared = equal
    if (same.length === MAX_NAMED) break
  }
  if (same.length === 0) return []
  const all = canonicalVae(baked.table, baked.info).size
  const paths = same.map((path) => quoted(path)).join(', ')
  const message =
    compared === all ? messages.sameVae(paths, all) : messages.probablySameVae(paths, compared, all)
  return [info('baked-vae', message), ...(options.hashes ? await nameOf(same[0]!, environment) : [])]
}

/** What the file with the same VAE is, if that is known: its own name may say nothing. */
async function nameOf(path: string, environment: Environment): Promise<Finding[]> {
  const { sha256 } = await hashWithProgress(path, ['sha256'], environment)
  const known = sha256 === undefined ? undefined : knownBySha256(sha256)
  return known ? [info('baked-vae-known', messages.knownVaeFile(quoted(path), known.name))] : []
}

/** In the folders for VAEs, and A1111's `name.vae.pt` next to checkpoints. */
async function vaeFiles(own: string, folders: ModelFolders): Promise<string[]> {
  // a folder that cannot be searched is no reason not to show the page
  const filesIn = (place: string) => folders.scan(place).catch((): readonly FoundFile[] => [])
  const found: FoundFile[] = []
  for (const root of folders.roots) {
    for (const place of foldersOfKind('vae', root)) found.push(...(await filesIn(place)))
    for (const place of foldersOfKind('checkpoint', root)) {
      found.push(...(await filesIn(place)).filter(({ name }) => /\.vae\.\w+$/i.test(name)))
    }
  }
  const paths = new Set(found.map(({ path }) => path))
  return [...paths].filter((path) => resolve(path) !== resolve(own)).slice(0, MAX_VAE_FILES)
}

/** Undefined for a file that differs, is too large, is not a VAE or cannot be read: none of these is an error here. */
async function compareWithFile(
  baked: ReadableVae,
  path: string,
  maxBytes: number,
  environment: Environment,
): Promise<number | undefined> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size > MAX_VAE_FILE_BYTES) return undefined
  return withModel(path, environment, async ({ model, read }) => {
    const other = readableVae(model, read)
    return other && compareVaes(baked, other, maxBytes)
  }).catch(() => undefined)
}
