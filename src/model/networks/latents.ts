import type { Latents } from './architectures/architecture.ts'
import { architectureById } from './architectures/registry.ts'

/** What is known of a model's architecture. */
interface WithArchitecture {
  readonly architecture?: { readonly id: string; readonly variant?: string }
}

/** What the latents of a model are, and how they are scaled; undefined where its architecture is unknown. */
export function latentFormat({ architecture }: WithArchitecture): Latents | undefined {
  const known = architecture && architectureById(architecture.id)
  return known?.variants.find(({ id }) => id === architecture?.variant)?.latent ?? known?.latent
}
