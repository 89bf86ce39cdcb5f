import type { LatentFormat } from '../model/architectures/architecture.ts'
import { architectureById } from '../model/architectures/registry.ts'
import type { Identity } from '../model/identity.ts'

/** How the latents of a model are scaled; undefined where its architecture is unknown. */
export function latentFormat({ architecture }: Identity): LatentFormat | undefined {
  const known = architecture && architectureById(architecture.id)
  return known?.variants.find(({ id }) => id === architecture?.variant)?.latent ?? known?.latent
}
