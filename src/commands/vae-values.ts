/** What the values of a VAE say of it, where nothing else does. */

import type { OpenedModel } from '../library/session.ts'
import { knownVaeBySha256 } from '../model/hashes-known.ts'
import type { Identity } from '../model/identity.ts'
import { knownByContent, vaeContent } from '../model/vae-content.ts'
import type { VaeLatents } from '../model/vae-latents.ts'
import { hashWithProgress } from '../operations/hashing.ts'
import type { Io } from '../system/world.ts'
import { readableVae } from './recognise-known.ts'

/** VAEs of Stable Diffusion have 335 MB in fp32; larger files are checkpoints, which say what they are. */
const MAX_HASHED_BYTES = 512 * 1024 * 1024

/** Those of published VAEs are known. Undefined where the file says for whose latents it is, or where nobody knows. */
export async function latentsByValues(
  path: string,
  { model, read }: OpenedModel,
  { vae, latents }: Identity,
  quiet: boolean,
  io: Io,
): Promise<{ readonly latents?: VaeLatents }> {
  const isSaid = latents !== undefined && latents.weak === undefined
  if (vae === undefined || isSaid || model.file.size > MAX_HASHED_BYTES) return {}
  const { sha256 = '' } = await hashWithProgress(path, ['sha256'], quiet, io)
  const known = knownVaeBySha256(sha256)
  if (known) return { latents: { space: known.latents, evidence: `it is ${known.name}, by its SHA-256` } }
  const readable = readableVae({ model, read })
  const content = readable && (await vaeContent(readable))
  const like = content && knownByContent(content)
  return like ? { latents: { space: like.latents, evidence: like.message } } : {}
}
