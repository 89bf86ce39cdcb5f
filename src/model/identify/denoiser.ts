import type { Architecture } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import type { PartKeys, RecognisedDenoiser } from './denoiser-info.ts'
import { messages } from './messages.ts'
import { recogniseDiffusersDit, recogniseFlux, recogniseMmdit } from './recognise-dit.ts'
import { recogniseUnet } from './recognise-unet.ts'

/** Recognises the network that denoises, by block types first, then by widths. */
export function recogniseDenoiser(part: PartKeys): RecognisedDenoiser {
  const has = (name: string) => part.shapeOf(part.prefix + name) !== undefined
  const named = ARCHITECTURES.find(({ network }) => network.kind === 'named' && has(network.marker))
  if (named) return byName(part, named)
  if (has('joint_blocks.0.context_block.attn.qkv.weight')) return recogniseMmdit(part)
  if (has('double_blocks.0.img_attn.norm.key_norm.scale')) return recogniseFlux(part)
  if (has('input_blocks.0.0.weight')) return recogniseUnet(part, 'ldm')
  if (has('down_blocks.0.resnets.0.conv1.weight')) return recogniseUnet(part, 'diffusers')
  if (has('transformer_blocks.0.attn.add_q_proj.weight')) return recogniseDiffusersDit(part)
  return { id: 'unet', layout: 'ldm', candidates: [], evidence: [], nameOf: (name) => part.prefix + name }
}

function byName(part: PartKeys, architecture: Architecture): RecognisedDenoiser {
  const { network } = architecture
  const [id, marker] =
    network.kind === 'named' ? [network.component, network.marker] : (['unet', ''] as const)
  return {
    id,
    layout: 'ldm',
    architecture,
    candidates: [],
    evidence: [messages.theKey(part.prefix, marker)],
    nameOf: (name) => part.prefix + name,
  }
}
