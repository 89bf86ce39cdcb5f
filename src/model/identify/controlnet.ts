import type { KeyLayout } from '../networks/components.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetInDiffusers, unetNaming } from '../networks/topology/diffusers.ts'
import { matchTopology, type ShapeOf, type TopologyMatch } from '../networks/topology/match.ts'
import { controlnetTopology } from '../networks/topology/unet.ts'
import type { PartKeys } from './denoiser-info.ts'

export interface ControlnetKeys {
  readonly layout: KeyLayout
  readonly match?: TopologyMatch
}

/** Every published ControlNet of a UNet has two res blocks a level. */
const RES_BLOCKS = 2

/** Reads a ControlNet as the first half of a UNet, in ldm (`input_blocks`) or diffusers (`down_blocks`) layout. */
export function recogniseControlnet(part: PartKeys): ControlnetKeys {
  const local: ShapeOf = (name) => part.shapeOf(part.prefix + name)
  const layout = local('conv_in.weight') ? 'diffusers' : 'ldm'
  const naming = layout === 'ldm' ? (name: string) => name : unetNaming(RES_BLOCKS, local)
  const config = deriveUnet((name) => local(naming(name)))
  if (!config) return { layout }
  const topology = controlnetTopology(config)
  const named = layout === 'ldm' ? topology : unetInDiffusers(topology, RES_BLOCKS, local)
  const match = matchTopology(part.names, part.shapeOf, part.prefix, named)
  return { layout, match }
}
