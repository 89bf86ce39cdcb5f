import { defined } from '../../system/defined.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { type VaeNames, vaeNames } from '../layouts/vae-names.ts'
import { identifyTaesd } from './taesd.ts'

export type VaeLayout = 'ldm' | 'diffusers' | 'taesd'

export interface VaeInfo {
  readonly layout: VaeLayout
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

/** By latent channels and pixels per latent pixel. */
const USED_BY: Readonly<Record<string, readonly string[]>> = {
  '4/8': [
    'stable-diffusion-v1',
    'stable-diffusion-v2',
    'stable-diffusion-xl-v1-base',
    'stable-diffusion-xl-v1-refiner',
    'ssd-1b',
    'segmind-vega',
    'koala-700m',
    'koala-1b',
  ],
  '4/4': ['stable-diffusion-x4-upscaler'],
  '16/8': [
    'stable-diffusion-v3-medium',
    'stable-diffusion-v3.5-medium',
    'stable-diffusion-v3.5-large',
    'flux-1-dev',
    'chroma',
  ],
}

/**
 * Describes the VAE of a file, whether it is a VAE file or a checkpoint with one inside. Undefined if there is none.
 */
export function identifyVae(table: TensorTable): VaeInfo | undefined {
  for (const prefix of PREFIXES) {
    for (const layout of ['ldm', 'diffusers'] as const) {
      const encoder = table.tensors.has(prefix + MARKERS[layout].encoder)
      const decoder = table.tensors.has(prefix + MARKERS[layout].decoder)
      if (encoder || decoder) return describeKl(table, { layout, prefix, encoder, decoder })
    }
  }
  const taesd = identifyTaesd(table)
  if (taesd === undefined) return undefined
  const facts = { layout: 'taesd', ...taesd } as const
  return { ...facts, title: vaeTitle(facts), architectures: usedBy(taesd) }
}

type VaePlace = Pick<VaeInfo, 'layout' | 'prefix' | 'encoder' | 'decoder'>

function describeKl(table: TensorTable, place: VaePlace): VaeInfo {
  const { prefix } = place
  const names = [...table.tensors.keys()].filter((name) => name.startsWith(prefix))
  const facts = {
    ...place,
    ...latentOf(table, prefix),
    tensors: names.filter((name) => OWN.test(name.slice(prefix.length))).length,
  }
  return { ...facts, title: vaeTitle(facts), architectures: usedBy(facts) }
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

function vaeTitle(facts: Pick<VaeInfo, 'layout' | 'encoder' | 'decoder' | 'latentChannels'>): string {
  const name = facts.layout === 'taesd' ? 'tiny autoencoder (TAESD)' : 'VAE'
  const part = facts.encoder && facts.decoder ? name : `${facts.encoder ? 'encoder' : 'decoder'} of a ${name}`
  return facts.latentChannels === undefined ? part : `${part}, ${facts.latentChannels} latent channels`
}

function usedBy({
  latentChannels,
  downscale,
}: Pick<VaeInfo, 'latentChannels' | 'downscale'>): readonly string[] {
  return USED_BY[`${latentChannels}/${downscale}`] ?? []
}

/**
 * The tensors of a KL autoencoder by their ldm names without prefix, in byte order of these names; leftovers and
 * unknown keys are left out.
 */
export function canonicalVae(table: TensorTable, info: VaeInfo): Map<string, Tensor> {
  const { toDiffusers, toLdm } = namesOf(table, info)
  const found: [string, Tensor][] = []
  for (const [key, tensor] of table.tensors) {
    if (!key.startsWith(info.prefix)) continue
    const name = key.slice(info.prefix.length)
    const ldm = toDiffusers.has(name) ? name : toLdm.get(name)
    if (ldm !== undefined) found.push([ldm, tensor])
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Both names of each of its tensors, without prefix. */
function namesOf(table: TensorTable, { prefix }: VaeInfo): VaeNames {
  return vaeNames(vaeLevels(table, prefix))
}

/** The name, in the layout and with the prefix of this VAE, of a tensor it may not have yet. */
export function vaeKey(table: TensorTable, info: VaeInfo, ldm: string): string {
  return (
    info.prefix + (info.layout === 'diffusers' ? (namesOf(table, info).toDiffusers.get(ldm) ?? ldm) : ldm)
  )
}
