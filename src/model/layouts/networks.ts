/** UNets and VAEs with the names of ldm, and with those of diffusers. */
import { checkOperation } from '../../tensor/quantised/check.ts'
import { reshape } from '../../tensor/values/slices.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { unetNameInDiffusers } from '../networks/topology/diffusers.ts'
import { type UnetConfig, unetTopology } from '../networks/topology/unet.ts'
import { messages } from './messages.ts'
import type { Locals } from './openclip.ts'
import { vaeNames } from './vae-names.ts'

/** What became of the tensors of a component in the other layout. */
export interface Renamed {
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Names that the other layout has no place for. */
  readonly left: readonly string[]
}

/** @param config of the network at hand: derived from its own shapes */
export function unetToDiffusers(ldm: Locals, config: UnetConfig): Renamed {
  const names = new Map([...unetTopology(config).keys()].map((name) => [name, inDiffusers(name, config)]))
  return renamedBy(ldm, names)
}

export function unetToLdm(diffusers: Locals, config: UnetConfig): Renamed {
  const names = new Map([...unetTopology(config).keys()].map((name) => [inDiffusers(name, config), name]))
  return renamedBy(diffusers, names)
}

function inDiffusers(name: string, { resBlocks }: UnetConfig): string {
  return unetNameInDiffusers(name, resBlocks)
}

function renamedBy(tensors: Locals, names: ReadonlyMap<string, string>, adapt = same): Renamed {
  checkOperation('relayout', tensors.values(), messages.theNetwork)
  const found = new Map<string, Tensor>()
  const left: string[] = []
  for (const [name, tensor] of tensors) {
    const other = names.get(name)
    if (other === undefined) left.push(name)
    else found.set(other, adapt({ ...tensor, name: other }))
  }
  return { tensors: found, left }
}

function same(tensor: Tensor): Tensor {
  return tensor
}

/** Layers of the attention are 1x1 convolutions in ldm, linear layers in diffusers. */
const LDM_ATTENTION = /\.attn_1\.(?:q|k|v|proj_out)\.weight$/
const DIFFUSERS_ATTENTION = /\.attentions\.0\.to_(?:q|k|v|out\.0)\.weight$/

/** @param levels of the VAE: 4 for the usual one */
export function vaeToDiffusers(ldm: Locals, levels: number): Renamed {
  return renamedBy(ldm, vaeNames(levels).toDiffusers, (tensor) => {
    return DIFFUSERS_ATTENTION.test(tensor.name) && tensor.shape.length === 4
      ? reshape(tensor, tensor.shape.slice(0, 2))
      : tensor
  })
}

export function vaeToLdm(diffusers: Locals, levels: number): Renamed {
  return renamedBy(diffusers, vaeNames(levels).toLdm, (tensor) => {
    return LDM_ATTENTION.test(tensor.name) && tensor.shape.length === 2
      ? reshape(tensor, [...tensor.shape, 1, 1])
      : tensor
  })
}
