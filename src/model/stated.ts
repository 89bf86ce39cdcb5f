/** What is known of a model, as metadata of everything that is made of it. */
import type { Role } from './components.ts'
import type { Identity } from './identity.ts'
import { predictionMetadata } from './prediction-statements.ts'
import { latentsMetadata } from './vae-latents.ts'

export function statedOf(identity: Identity): Record<string, string> {
  // a checkpoint says by its network whose latents they are
  return statedOfPart(identity.architecture === undefined ? 'vae' : 'unet', identity)
}

/** Of a file with one network of it. */
export function statedOfPart(role: Role, { architecture, latents }: Identity): Record<string, string> {
  if (role === 'unet') return predictionMetadata(architecture?.prediction)
  return role === 'vae' ? latentsMetadata(latents) : {}
}
