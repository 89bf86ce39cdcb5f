import { unetNameInDiffusers } from '../../networks/topology/diffusers.ts'
import { type UnetConfig, unetTopology } from '../../networks/topology/unet.ts'
import { flatten, layerPaths, type ModuleNames, targetAt } from './target.ts'

/**
 * Both names of each layer of a UNet: `input_blocks_1_1_proj_in` as kohya's SDXL trainer writes it, and
 * `down_blocks_0_attentions_0_proj_in` as all others do.
 */
export function unetModules(config: UnetConfig): ModuleNames {
  const topology = unetTopology(config)
  const names: ModuleNames = new Map()
  for (const path of layerPaths(topology)) {
    const target = targetAt(topology, path)!
    const diffusers = unetNameInDiffusers(`${path}.weight`, config.resBlocks).slice(0, -'.weight'.length)
    for (const name of [path, diffusers]) {
      names.set(flatten(name), target)
      // attention processors leave the index of the layer out
      if (name.endsWith('.to_out.0')) names.set(flatten(name.slice(0, -2)), target)
    }
  }
  return names
}
