/** What the values of a VAE say of it, where nothing else does. */
import { knownVaeBySha256 } from '../model/hashes-known.ts'
import { knownByContent, readableVae, vaeContent } from '../model/vae-content.ts'
import type { VaeLatents } from '../model/vae-latents.ts'
import type { InputModel, PlanContext } from './operation.ts'

/** VAEs of Stable Diffusion have 335 MB in fp32; larger files are checkpoints, which say what they are. */
const MAX_HASHED_BYTES = 512 * 1024 * 1024

/** Those of published VAEs are known. Undefined where the file says for whose latents it is, or where nobody knows. */
export async function latentsByValues(
  { name, file, identity: { vae, latents } }: InputModel,
  { read, hash }: Pick<PlanContext, 'read' | 'hash'>,
): Promise<{ readonly latents?: VaeLatents }> {
  const isSaid = latents !== undefined && latents.weak === undefined
  if (vae === undefined || isSaid || file.file.size > MAX_HASHED_BYTES) return {}
  const { sha256 = '' } = (await hash?.(name, ['sha256'])) ?? {}
  const known = knownVaeBySha256(sha256)
  if (known) return { latents: { space: known.latents, evidence: `it is ${known.name}, by its SHA-256` } }
  const readable = readableVae(file, read)
  const content = readable && (await vaeContent(readable))
  const like = content && knownByContent(content)
  return like ? { latents: { space: like.latents, evidence: like.message } } : {}
}
