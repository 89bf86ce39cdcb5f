import { defined } from '../../system/defined.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { type VaeNames, vaeNames } from '../layouts/vae-names.ts'
import type { LatentSpace } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import type { AutoencoderLayers } from '../networks/autoencoders/autoencoder.ts'
import { type ProvenAutoencoder, provenAutoencoder } from '../networks/autoencoders/proof.ts'
import { autoencoderById } from '../networks/autoencoders/registry.ts'
import { messages } from './messages.ts'
import { identifyTaehv } from './taehv.ts'
import { identifyTaesd, type TaesdFacts } from './taesd.ts'

export type VaeLayout = 'ldm' | 'diffusers' | 'taesd'

export interface VaeInfo {
  readonly layout: VaeLayout
  /** `kl`: the layers of Stable Diffusion's; `taesd` and `taehv`: tiny ones; else the id of an autoencoder of its own. */
  readonly network: string
  /** For people: "VAE, 4 latent channels", "decoder of a VAE, 16 latent channels". */
  readonly title: string
  /** What stands before `encoder.` and `decoder.` in the keys: '', `first_stage_model.`, `vae.`. */
  readonly prefix: string
  readonly encoder: boolean
  readonly decoder: boolean
  readonly latentChannels?: number
  /** Pixels per latent pixel, along one side. */
  readonly downscale?: number
  /** Tensors of the VAE itself; training leftovers are not counted. */
  readonly tensors: number
  /** Ids of the architectures that use such a VAE. Shapes cannot tell SD 1.x, 2.x and SDXL apart. */
  readonly architectures: readonly string[]
  /** For whose latents it is, where its keys alone say so, and the key that does. */
  readonly space?: LatentSpace
  readonly evidence?: string
}

/** An autoencoder with the layers of Stable Diffusion's, which is renamed, compared and run as one. */
export function isKl({ network }: VaeInfo): boolean {
  return network === 'kl'
}

/** Its tensors have names of its authors and of diffusers, and sdtool knows which of them are the same. */
export function hasBothNames(info: VaeInfo): boolean {
  const own = autoencoderById(info.network)
  return isKl(info) || own?.likeKl === true || own?.layers !== undefined
}

/** Where a VAE stands in a file: of its own, in a checkpoint, in a file that ComfyUI or a pipeline saved. */
const PREFIXES = ['', 'first_stage_model.', 'vae.'] as const

/** One key of each half that the other layout does not have. */
const MARKERS = {
  ldm: { encoder: 'encoder.mid.block_1.norm1.weight', decoder: 'decoder.mid.block_1.norm1.weight' },
  diffusers: {
    encoder: 'encoder.mid_block.resnets.0.norm1.weight',
    decoder: 'decoder.mid_block.resnets.0.norm1.weight',
  },
} as const

/** Spaces of the autoencoders with these layers, by latent channels and pixels per latent pixel. */
const KL_SPACES: Readonly<Record<string, readonly LatentSpace[]>> = {
  '4/8': ['sd', 'sdxl'],
  '4/4': ['x4'],
  '16/8': ['sd3', 'flux'],
}

/** Of tiny autoencoders with more channels than those of Stable Diffusion 3. Source: ComfyUI, `latent_formats.py`. */
const TINY_SPACES: Readonly<Record<'taesd' | 'taehv', Readonly<Record<number, readonly LatentSpace[]>>>> = {
  taesd: { 32: ['flux2'], 64: ['qwen-image-21'] },
  taehv: {
    12: ['mochi'],
    16: ['wan21', 'hunyuan-video'],
    32: ['hunyuan-video-15'],
    48: ['wan22'],
    128: ['ltx2'],
  },
}

/** Its VAE decodes frames together. */
const WITH_FRAMES = 'stable-video-diffusion'

function architecturesOf(spaces: readonly LatentSpace[]): string[] {
  return ARCHITECTURES.filter(({ id, latent }) => spaces.includes(latent.space) && id !== WITH_FRAMES).map(
    ({ id }) => id,
  )
}

/**
 * Describes the VAE of a file, whether it is a VAE file or a checkpoint with one inside. Undefined if there is none.
 */
export function identifyVae(table: TensorTable): VaeInfo | undefined {
  for (const prefix of PREFIXES) {
    const proven = provenAutoencoder((name) => table.tensors.get(prefix + name)?.shape)
    if (proven) return describeProven(table, prefix, proven)
    for (const layout of ['ldm', 'diffusers'] as const) {
      const encoder = table.tensors.has(prefix + MARKERS[layout].encoder)
      const decoder = table.tensors.has(prefix + MARKERS[layout].decoder)
      if (encoder || decoder) return describeKl(table, { layout, prefix, encoder, decoder })
    }
  }
  const taehv = identifyTaehv(table)
  if (taehv) return describeTiny('taehv', taehv)
  const taesd = identifyTaesd(table)
  return taesd && describeTiny('taesd', taesd)
}

function describeProven(
  table: TensorTable,
  prefix: string,
  { autoencoder, layout, encoder, decoder, evidence }: ProvenAutoencoder,
): VaeInfo {
  const { id, title, space, channels, downscale } = autoencoder
  const halves = { encoder, decoder }
  return {
    layout,
    network: id,
    title: vaeTitle(messages.vaeOf(title), halves, channels),
    prefix,
    ...halves,
    ...defined({ latentChannels: channels, downscale, space }),
    tensors: [...table.tensors.keys()].filter((name) => name.startsWith(prefix)).length,
    architectures: space === undefined ? [] : architecturesOf([space]),
    evidence: prefix + evidence,
  }
}

function describeTiny(network: 'taesd' | 'taehv', facts: TaesdFacts): VaeInfo {
  const { latentChannels, downscale } = facts
  const kl = network === 'taesd' ? (KL_SPACES[`${latentChannels}/${downscale}`] ?? []) : []
  const spaces = TINY_SPACES[network][latentChannels ?? 0] ?? kl
  const [space] = spaces
  return {
    layout: 'taesd',
    network,
    ...facts,
    title: vaeTitle(network === 'taesd' ? messages.tinyVae : messages.tinyVideoVae, facts, latentChannels),
    architectures: architecturesOf(spaces),
    ...(spaces.length === 1 && defined({ space })),
  }
}

type VaePlace = Pick<VaeInfo, 'layout' | 'prefix' | 'encoder' | 'decoder'>

function describeKl(table: TensorTable, place: VaePlace): VaeInfo {
  const { prefix } = place
  const names = [...table.tensors.keys()].filter((name) => name.startsWith(prefix))
  const { latentChannels, downscale } = latentOf(table, prefix)
  return {
    ...place,
    network: 'kl',
    ...defined({ latentChannels, downscale }),
    tensors: names.filter((name) => OWN.test(name.slice(prefix.length))).length,
    title: vaeTitle(messages.vae, place, latentChannels),
    architectures: architecturesOf(KL_SPACES[`${latentChannels}/${downscale}`] ?? []),
  }
}

const OWN = /^(?:encoder|decoder|quant_conv|post_quant_conv)\./

function latentOf(table: TensorTable, prefix: string): Pick<VaeInfo, 'latentChannels' | 'downscale'> {
  const shapeOf = (name: string) => table.tensors.get(prefix + name)?.shape
  const moments = shapeOf('encoder.conv_out.weight')?.[0] // mean and log variance of each channel
  const latentChannels =
    shapeOf('decoder.conv_in.weight')?.[1] ?? (moments === undefined ? undefined : moments / 2)
  const levels = vaeLevels(table, prefix)
  return {
    ...defined({ latentChannels }),
    ...(levels === 0 ? {} : { downscale: 2 ** (levels - 1) }),
  }
}

/** The deepest VAE known has 5 levels; more would only be a way to ask for a huge number. */
const MAX_LEVELS = 8

/** Levels of a KL autoencoder in either layout; 0 if there are none. */
export function vaeLevels(table: TensorTable, prefix: string): number {
  const paths = ['encoder.down.#.block', 'decoder.up.#.block', 'encoder.down_blocks.#.resnets', 'decoder.up_blocks.#.resnets'] // biome-ignore format: one line
  for (let levels = MAX_LEVELS; levels > 0; levels--) {
    const found = paths.some((path) => {
      return table.tensors.has(`${prefix}${path.replace('#', `${levels - 1}`)}.0.norm1.weight`)
    })
    if (found) return levels
  }
  return 0
}

/** "VAE, 4 latent channels", "decoder of a VAE, 16 latent channels". */
function vaeTitle(
  name: string,
  { encoder, decoder }: Pick<VaeInfo, 'encoder' | 'decoder'>,
  channels: number | undefined,
): string {
  const part = encoder && decoder ? name : messages.halfOf(encoder ? 'encoder' : 'decoder', name)
  return channels === undefined ? part : messages.withChannels(part, channels)
}

/**
 * The tensors of an autoencoder by their names without prefix, in byte order of these names: those of ldm where it has
 * the layers of Stable Diffusion's, and then without leftovers and unknown keys; else as they are.
 */
export function canonicalVae(table: TensorTable, info: VaeInfo): Map<string, Tensor> {
  const canonical = canonicalNaming(table, info)
  const found: [string, Tensor][] = []
  for (const [key, tensor] of table.tensors) {
    const name = key.startsWith(info.prefix) ? canonical(key.slice(info.prefix.length)) : undefined
    if (name !== undefined) found.push([name, tensor])
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Names of its authors for those of a file; undefined for keys that are none of the autoencoder. */
function canonicalNaming(table: TensorTable, info: VaeInfo): (name: string) => string | undefined {
  const own = autoencoderById(info.network)
  if (own?.layers !== undefined) return info.layout === 'diffusers' ? layerNaming(own.layers) : (name) => name
  if (!isKl(info) && own?.likeKl !== true) return (name) => name
  const { toDiffusers, toLdm } = namesOf(table, info)
  const ldm = (name: string) => (toDiffusers.has(name) ? name : toLdm.get(name))
  return isKl(info) ? ldm : (name) => ldm(withoutHalf(name)) ?? name
}

function layerNaming({ topology, inDiffusers }: AutoencoderLayers): (name: string) => string {
  const names = new Map([...topology(() => undefined).keys()].map((name) => [inDiffusers(name), name]))
  return (name) => names.get(name) ?? name
}

/** Published files of Flux.2 have these convolutions inside of the halves. */
function withoutHalf(name: string): string {
  return name.replace(/^encoder\.(?=quant_conv\.)|^decoder\.(?=post_quant_conv\.)/, '')
}

/** Both names of each of its tensors, without prefix. */
function namesOf(table: TensorTable, { prefix }: VaeInfo): VaeNames {
  return vaeNames(vaeLevels(table, prefix))
}

/** The name, in the layout and with the prefix of this VAE, of a tensor it may not have yet. */
export function vaeKey(table: TensorTable, info: VaeInfo, ldm: string): string {
  const { layers } = autoencoderById(info.network) ?? {}
  if (layers !== undefined) return info.prefix + (info.layout === 'diffusers' ? layers.inDiffusers(ldm) : ldm)
  return (
    info.prefix + (info.layout === 'diffusers' ? (namesOf(table, info).toDiffusers.get(ldm) ?? ldm) : ldm)
  )
}
