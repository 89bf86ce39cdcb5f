/** What is known of a model, as metadata of everything that is made of it. */

import { predictionMetadata } from '../identify/prediction-statements.ts'
import { latentsMetadata } from '../identify/vae-latents.ts'
import type { Identity } from '../identity.ts'
import type { Role } from '../networks/components.ts'

export function statedOf(identity: Identity): Record<string, string> {
  // a checkpoint says by its network whose latents they are
  return statedOfPart(identity.architecture === undefined ? 'vae' : 'unet', identity)
}

/** Of a file with one network of it. */
export function statedOfPart(role: Role, { architecture, latents }: Identity): Record<string, string> {
  if (role === 'unet') return predictionMetadata(architecture?.prediction)
  return role === 'vae' ? latentsMetadata(latents) : {}
}
