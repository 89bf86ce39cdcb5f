import { provenArchitecture } from '../networks/architectures/proof.ts'
import type { PartKeys, RecognisedDenoiser } from './denoiser-info.ts'
import { nearestDits, recogniseProven } from './recognise-dit.ts'
import { recogniseUnet } from './recognise-unet.ts'

/** Recognises the network that denoises: by keys that prove a family, then by the blocks and widths of UNets. */
export function recogniseDenoiser(part: PartKeys): RecognisedDenoiser {
  const shapeOf = (name: string) => part.shapeOf(part.prefix + name)
  const proven = provenArchitecture(shapeOf)
  const recognised = proven && recogniseProven(part, proven)
  if (recognised) return recognised
  if (shapeOf('input_blocks.0.0.weight')) return recogniseUnet(part, 'ldm')
  if (shapeOf('down_blocks.0.resnets.0.conv1.weight')) return recogniseUnet(part, 'diffusers')
  const candidates = nearestDits(part)
  return {
    id: candidates.length > 0 ? 'dit' : 'unet',
    layout: 'ldm',
    candidates,
    evidence: [],
    nameOf: (name) => part.prefix + name,
  }
}
