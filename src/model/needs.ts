/** What a model is used with: the text encoders and the VAE that are not in its file. */
import type { ArchitectureInfo, Identity } from './identity.ts'
import { type Architecture, LATENT_SPACES, type LatentSpace } from './networks/architectures/architecture.ts'
import { architectureById } from './networks/architectures/registry.ts'
import { COMPONENTS, type ComponentId, sameSelector } from './networks/components.ts'
import { latentFormat } from './networks/latents.ts'

/** A text encoder, or the VAE of a latent space. */
export type NeededPart =
  | { readonly id: ComponentId; readonly role: 'text' }
  | { readonly id: 'vae'; readonly role: 'vae'; readonly space: LatentSpace }

/** "T5-XXL text encoder", "VAE" */
export function partTitle({ id }: NeededPart): string {
  return COMPONENTS[id].title
}

/** Whose latents a needed VAE is for, for people. */
export function partLatents(part: NeededPart): string | undefined {
  return part.role === 'vae' ? LATENT_SPACES[part.space] : undefined
}

/** What has to come from other files; empty for a complete file, and for what sdtool does not know. */
export function missingParts({ architecture, components }: Identity): NeededPart[] {
  const known = architecture && architectureById(architecture.id)
  const encoders = known && neededEncoders(known, architecture.variant)
  if (!architecture || !encoders || !components.some(({ role }) => role === 'unet')) return []
  const parts = [...encoders.map((id) => ({ id, role: 'text' }) as const), ...vaeOf(architecture)]
  const has = (part: NeededPart) =>
    components.some(({ id, role }) => role === part.role && sameSelector(id, part.id))
  return parts.filter((part) => !has(part))
}

/** Text encoders of a family, or of a variant that has others; undefined where nobody has written them down. */
export function neededEncoders(
  { components, variants, encoders }: Architecture,
  variant: string | undefined,
): readonly ComponentId[] | undefined {
  const own = variants.find(({ id }) => id === variant)?.encoders ?? encoders
  const inside = components.flatMap(({ id }) => (COMPONENTS[id].role === 'text' ? [id] : []))
  return own ?? (inside.length > 0 ? inside : undefined)
}

/** Models of pixels have none. */
function vaeOf(architecture: ArchitectureInfo): NeededPart[] {
  const space = latentFormat({ architecture })?.space
  return space === undefined || space === 'pixel' ? [] : [{ id: 'vae', role: 'vae', space }]
}
