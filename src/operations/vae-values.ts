/** What the values of a VAE say of it, where nothing else does. */
import { type KnownVae, knownVaeBySha256 } from '../model/identify/hashes-known.ts'
import { knownByContent, readableVae, vaeContent } from '../model/identify/vae-content.ts'
import type { VaeLatents } from '../model/identity.ts'
import { messages } from './messages.ts'
import type { InputModel, PlanContext } from './operation.ts'

/** VAEs of Stable Diffusion have 335 MB in fp32; larger files are checkpoints, which say what they are. */
const MAX_HASHED_BYTES = 512 * 1024 * 1024

/** The published VAE that a file is, by its SHA-256; undefined for larger files, and where nobody can hash. */
export async function publishedVae(
  { name, file }: InputModel,
  { hash }: Pick<PlanContext, 'hash'>,
): Promise<KnownVae | undefined> {
  if (hash === undefined || file.file.size > MAX_HASHED_BYTES) return undefined
  const { sha256 = '' } = await hash(name, ['sha256'])
  return knownVaeBySha256(sha256)
}

/** Those of published VAEs are known. Undefined where the file says for whose latents it is, or where nobody knows. */
export async function latentsByValues(
  model: InputModel,
  context: Pick<PlanContext, 'read' | 'hash'>,
): Promise<{ readonly latents?: VaeLatents }> {
  const { file, identity } = model
  const { vae, latents } = identity
  const isSaid = latents !== undefined && latents.weak === undefined
  if (vae === undefined || isSaid || file.file.size > MAX_HASHED_BYTES) return {}
  const known = await publishedVae(model, context)
  if (known) return { latents: { space: known.latents, evidence: messages.knownBySha256(known.name) } }
  const readable = readableVae(file, context.read)
  const content = readable && (await vaeContent(readable))
  const like = content && knownByContent(content)
  return like ? { latents: { space: like.latents, evidence: like.message } } : {}
}
