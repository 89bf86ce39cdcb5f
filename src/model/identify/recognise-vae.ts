import { deriveVae } from '../networks/topology/derive.ts'
import { vaeInDiffusers, vaeNameInDiffusers } from '../networks/topology/diffusers.ts'
import { matchTopology, type ShapeOf } from '../networks/topology/match.ts'
import { VAE_KL_F8, type VaeConfig, vaeTopology } from '../networks/topology/vae.ts'
import type { PartKeys } from './denoiser-info.ts'
import type { Encoder } from './encoder-info.ts'

/** Sequences of layers, as tiny autoencoders have them: no KL autoencoder to compare with. */
const RE_TINY = /(^|\.)\d+\.conv\.0\.weight$/

/** Recognises a KL autoencoder in ldm or diffusers layout. Nothing of it found: compared with the usual one. */
export function recogniseVae(part: PartKeys): Encoder {
  const local: ShapeOf = (name) => part.shapeOf(part.prefix + name)
  if (part.names.some((name) => RE_TINY.test(name))) return { id: 'vae', prefix: part.prefix }
  const levels = countLevels(local)
  const isDiffusers = levels > 0 || local('encoder.down_blocks.0.resnets.0.conv1.weight') !== undefined
  const old = local('decoder.mid_block.attentions.0.query.weight') !== undefined
  const shapeOf: ShapeOf = isDiffusers ? (name) => local(vaeNameInDiffusers(name, levels, old)) : local
  const config: VaeConfig = deriveVae(shapeOf) ?? VAE_KL_F8
  const topology = vaeTopology(config)
  const named = isDiffusers ? vaeInDiffusers(topology, config.widths.length, old) : topology
  return {
    id: 'vae',
    layout: isDiffusers ? 'diffusers' : 'ldm',
    prefix: part.prefix,
    match: matchTopology(part.names, part.shapeOf, part.prefix, named),
  }
}

function countLevels(local: ShapeOf): number {
  let n = 0
  while (n < 16 && local(`decoder.up_blocks.${n}.resnets.0.conv1.weight`)) n++
  return n
}
