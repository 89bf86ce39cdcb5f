import type { AutoencoderLayers } from '../networks/autoencoders/autoencoder.ts'
import { provenAutoencoder } from '../networks/autoencoders/proof.ts'
import type { KeyLayout } from '../networks/components.ts'
import { deriveVae } from '../networks/topology/derive.ts'
import { vaeInDiffusers, vaeNameInDiffusers } from '../networks/topology/diffusers.ts'
import {
  matchTopology,
  renameTopology,
  type ShapeOf,
  type Topology,
  type TopologyMatch,
} from '../networks/topology/match.ts'
import { VAE_KL_F8, type VaeConfig, vaeTopology } from '../networks/topology/vae.ts'
import type { PartKeys } from './denoiser-info.ts'
import type { Encoder } from './encoder-info.ts'

/** Sequences of layers, as tiny autoencoders have them: no KL autoencoder to compare with. */
const RE_TINY = /(?:^|\.)\d+\.conv\.0\.weight$/

/** Recognises an autoencoder. One with the layers of Stable Diffusion's is compared with it, in ldm or diffusers layout. */
export function recogniseVae(part: PartKeys): Encoder {
  const shared = { id: 'vae', prefix: part.prefix } as const
  const proven = provenAutoencoder((name) => part.shapeOf(part.prefix + name))
  if (proven) {
    const { layout, autoencoder } = proven
    if (autoencoder.likeKl) return { ...shared, layout, match: flux2Match(part, layout) }
    const { layers } = autoencoder
    return { ...shared, layout, ...(layers && { match: layersMatch(part, layout, layers) }) }
  }
  if (part.names.some((name) => RE_TINY.test(name)) || !resemblesKl(part)) return shared
  return { ...shared, ...comparedKl(part) }
}

function layersMatch(
  { names, prefix, shapeOf }: PartKeys,
  layout: KeyLayout,
  { topology, inDiffusers }: AutoencoderLayers,
): TopologyMatch {
  const nameOf = layout === 'diffusers' ? inDiffusers : (name: string) => name
  const keys = topology((name) => shapeOf(prefix + nameOf(name)))
  return matchTopology(names, shapeOf, prefix, renameTopology(keys, nameOf))
}

const RE_KL =
  /^(?:(?:encoder|decoder)\.(?:down|up|mid|down_blocks|up_blocks|mid_block|conv_in|conv_out|norm_out|conv_norm_out)|quant_conv|post_quant_conv)\./

/** Layers of the names of Stable Diffusion's, and none of them over frames. */
function resemblesKl({ prefix, names, shapeOf }: PartKeys): boolean {
  const isNamed = names.some((name) => RE_KL.test(name.slice(prefix.length)))
  return isNamed && !names.some((name) => shapeOf(name)?.length === 5)
}

function comparedKl(part: PartKeys): { readonly layout: KeyLayout; readonly match: TopologyMatch } {
  const { layout, shapeOf, inLayout } = klLayout((name) => part.shapeOf(part.prefix + name))
  const config = deriveVae(shapeOf) ?? VAE_KL_F8
  const named = inLayout(vaeTopology(config), config)
  return { layout, match: matchTopology(part.names, part.shapeOf, part.prefix, named) }
}

interface KlLayout {
  readonly layout: KeyLayout
  /** By names of ldm. */
  readonly shapeOf: ShapeOf
  readonly inLayout: (topology: Topology, config: VaeConfig) => Topology
}

function klLayout(local: ShapeOf): KlLayout {
  const levels = countLevels(local)
  const isDiffusers = levels > 0 || local('encoder.down_blocks.0.resnets.0.conv1.weight') !== undefined
  if (!isDiffusers) return { layout: 'ldm', shapeOf: local, inLayout: (topology) => topology }
  const old = local('decoder.mid_block.attentions.0.query.weight') !== undefined
  return {
    layout: 'diffusers',
    shapeOf: (name) => local(vaeNameInDiffusers(name, levels, old)),
    inLayout: (topology, { widths }) => vaeInDiffusers(topology, widths.length, old),
  }
}

/** Statistics of the latents, and convolutions that some files have inside of the halves. */
const FLUX2_STATISTICS: Topology = new Map(['bn.running_mean', 'bn.running_var'].map((name) => [name, [128]]))
const FLUX2_COUNTER: Topology = new Map([['bn.num_batches_tracked', []]])
const HALF_OF: Readonly<Record<string, string>> = { quant_conv: 'encoder', post_quant_conv: 'decoder' }

/** Its decoder may be narrower than its encoder, so that each is compared with one of its own width. */
function flux2Match(part: PartKeys, layout: KeyLayout): TopologyMatch {
  const local: ShapeOf = (name) => part.shapeOf(part.prefix + name)
  const kl = klLayout(local)
  const decoder = deriveVae(kl.shapeOf) ?? { ...VAE_KL_F8, latentChannels: 32 }
  const width = kl.shapeOf('encoder.conv_in.weight')?.[0] ?? 128
  const encoder = { ...decoder, widths: [1, 2, 4, 4].map((factor) => factor * width), quantConv: true }
  const both = [...vaeTopology(encoder)].filter(([name]) => !name.startsWith('decoder.'))
  const keys = new Map([
    ...both,
    ...[...vaeTopology(decoder)].filter(([name]) => name.startsWith('decoder.')),
  ])
  const named = layout === 'diffusers' ? kl.inLayout(keys, decoder) : keys
  const spelled = renameTopology(new Map([...named, ...FLUX2_STATISTICS]), (name) => {
    const [module = '', leaf = ''] = name.split('.')
    const inside = `${HALF_OF[module]}.${module}.${leaf}`
    return HALF_OF[module] !== undefined && local(inside) !== undefined ? inside : name
  })
  return matchTopology(part.names, part.shapeOf, part.prefix, spelled, FLUX2_COUNTER)
}

function countLevels(local: ShapeOf): number {
  let n = 0
  while (n < 16 && local(`decoder.up_blocks.${n}.resnets.0.conv1.weight`)) n++
  return n
}
