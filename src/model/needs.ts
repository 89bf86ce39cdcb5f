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
  if (!architecture || !known || !components.some(({ role }) => role === 'unet')) return []
  const parts = [...encodersOf(known, architecture.variant), ...vaeOf(known, architecture)]
  const has = (part: NeededPart) =>
    components.some(({ id, role }) => role === part.role && sameSelector(id, part.id))
  return parts.filter((part) => !has(part))
}

function encodersOf(known: Architecture, variant: string | undefined): NeededPart[] {
  const own = known.variants.find(({ id }) => id === variant)?.encoders ?? known.encoders
  const ids = own ?? known.components.flatMap(({ id }) => (COMPONENTS[id].role === 'text' ? [id] : []))
  return ids.map((id) => ({ id, role: 'text' }))
}

/** Models of pixels have none; of those whose parts nobody has written down it is not known. */
function vaeOf({ components, encoders }: Architecture, architecture: ArchitectureInfo): NeededPart[] {
  const space = latentFormat({ architecture })?.space
  const isKnown = components.length > 0 || encoders !== undefined
  return isKnown && space !== undefined && space !== 'pixel' ? [{ id: 'vae', role: 'vae', space }] : []
}
