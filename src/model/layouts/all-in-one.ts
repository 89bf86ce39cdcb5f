/** Where programs look for the networks of a model that is one file. */
import { neededEncoders } from '../needs.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import type { ComponentId } from '../networks/components.ts'
import { encoderPrefix } from '../networks/text-encoders/component.ts'

/** A text encoder that a family uses, and what stands in front of its keys. */
export interface EncoderPlace {
  readonly id: ComponentId
  readonly prefix: string
}

/** Where all its text encoders belong; undefined for a family of which that is not known. */
export function encoderPlaces(
  architecture: Architecture,
  variant: string | undefined,
): readonly EncoderPlace[] | undefined {
  return neededEncoders(architecture, variant)?.map((id) => {
    const own = architecture.components.find((component) => component.id === id)
    return { id, prefix: own?.prefix ?? encoderPrefix(id) }
  })
}

/** What stands in front of the keys of its VAE. */
export function vaePrefix({ components }: Pick<Architecture, 'components'>): string {
  return components.find(({ id }) => id === 'vae')?.prefix ?? 'vae.'
}
