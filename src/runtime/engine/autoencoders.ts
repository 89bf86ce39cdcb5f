/** What sets apart the two kinds of autoencoder, and the files they come in. */

import { taesdHalves } from '../../model/identify/taesd.ts'
import { canonicalVae, type VaeInfo } from '../../model/identify/vae.ts'
import type { LatentFormat } from '../../model/networks/architectures/architecture.ts'
import { deriveVae } from '../../model/networks/topology/derive.ts'
import type { ShapeOf } from '../../model/networks/topology/match.ts'
import { VAE_KL_F8, type VaeConfig, vaeTopology } from '../../model/networks/topology/vae.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { taesdDecoderGraph, taesdEncoderGraph } from '../networks/taesd.ts'
import { vaeDecoderGraph, vaeEncoderGraph } from '../networks/vae.ts'
import { type NetworkWeights, weightsOf } from '../networks/weights.ts'
import type { SizedGraph } from '../sessions/network-session.ts'
import type { Vae } from './engine.ts'
import { messages } from './messages.ts'

/** Encoder or decoder; latents and pictures are in the ranges its graph has. */
export interface Half {
  readonly weights: NetworkWeights
  /** Sides are those of its input. */
  graph(height: number, width: number): SizedGraph
}

export interface Sizes {
  readonly latentChannels: number
  readonly downscale: number
}

export interface Autoencoder extends Sizes {
  readonly kind: Vae['kind']
  readonly title: string
  readonly decoder?: Half
  readonly encoder?: Half
  /** Latent of the denoiser -> input of the decoder, in place. */
  toDecoder(latent: Float32Array): void
  /** Planes that the encoder gives. */
  readonly encodedChannels: number
  /** Output of the encoder -> latent of the denoiser, of so many pixels. */
  fromEncoder(values: Float32Array, pixels: number): Float32Array
  /** Pictures are in [-1, 1] instead of [0, 1]. */
  readonly signed: boolean
}

/** @throws COMPONENT_INCOMPLETE, SCALED_FP8, QUANTISED (exit 3) */
export function klAutoencoder(
  table: TensorTable,
  info: VaeInfo,
  sizes: Sizes,
  format: LatentFormat,
): Autoencoder {
  const tensors = canonicalVae(table, info)
  checkOperation('render', tensors.values(), messages.theVae)
  const config = klConfig(tensors)
  const half = (title: string, build: typeof vaeDecoderGraph, owns: RegExp, upscale: number): Half => ({
    weights: completeWeights(title, tensors, config, owns),
    graph: (height, width) => ({
      key: `${title} ${height}x${width}`,
      activationBytes: activationBytes(config, upscale * height * upscale * width),
      build: (net) => build(net, config, height, width),
    }),
  })
  return {
    kind: 'kl',
    title: 'VAE',
    ...sizes,
    signed: true,
    encodedChannels: 2 * sizes.latentChannels, // means, then variances
    ...(info.decoder && { decoder: half('VAE decoder', vaeDecoderGraph, RE_DECODER, sizes.downscale) }),
    ...(info.encoder && { encoder: half('VAE encoder', vaeEncoderGraph, RE_ENCODER, 1) }),
    toDecoder: (latent) => eachChannel(latent, format, ({ mean, std }, z) => (z * std) / format.scale + mean),
    fromEncoder(moments, pixels) {
      const means = moments.slice(0, sizes.latentChannels * pixels) // the rest are variances
      eachChannel(means, format, ({ mean, std }, z) => ((z - mean) * format.scale) / std)
      return means
    },
  }
}

const RE_DECODER = /^(?:decoder|post_quant_conv)\./
const RE_ENCODER = /^(?:encoder|quant_conv)\./

function completeWeights(
  title: string,
  tensors: ReadonlyMap<string, Tensor>,
  config: VaeConfig,
  owns: RegExp,
): NetworkWeights {
  const weights = weightsOf(title, tensors)
  for (const name of vaeTopology(config).keys()) if (owns.test(name)) weights.get(name)
  return weights
}

function klConfig(tensors: ReadonlyMap<string, Tensor>): VaeConfig {
  const shapeOf: ShapeOf = (name) => tensors.get(name)?.shape
  return deriveVae(shapeOf) ?? encoderConfig(shapeOf) ?? VAE_KL_F8
}

/** Of a file with an encoder only, which has one res block less in each level. */
function encoderConfig(shapeOf: ShapeOf): VaeConfig | undefined {
  const moments = shapeOf('encoder.conv_out.weight')
  const inEncoder = (name: string) => name.replace(/^decoder\.up/, 'encoder.down')
  const config = deriveVae((name) =>
    name === 'decoder.conv_in.weight' ? moments && [0, moments[0]! / 2] : shapeOf(inEncoder(name)),
  )
  return config && { ...config, resBlocks: config.resBlocks + 1 }
}

/** Measured at 512x512 and 1024x1024: four values of the second level's width for each pixel of the picture. */
function activationBytes({ widths }: VaeConfig, pixels: number): number {
  return 4 * 4 * (widths[1] ?? widths[0]!) * pixels
}

/** Calls `change` with the mean and deviation of each channel, in place. */
function eachChannel(
  values: Float32Array,
  { channels, shift, mean, std }: LatentFormat,
  change: (channel: { readonly mean: number; readonly std: number }, value: number) => number,
): void {
  const pixels = values.length / channels
  for (let c = 0; c < channels; c++) {
    const channel = { mean: mean?.[c] ?? shift, std: std?.[c] ?? 1 }
    for (let i = c * pixels; i < (c + 1) * pixels; i++) values[i] = change(channel, values[i]!)
  }
}

/** 64 channels, four of them at a time. */
const TAESD_BYTES = 4 * 64 * 4

/** TAESD: what its decoder gives is in [0, 1] already. */
export function tinyAutoencoder(table: TensorTable, sizes: Sizes): Autoencoder {
  const starts = new Map(taesdHalves(table).map(({ kind, start }) => [kind, start]))
  const half = (kind: 'encoder' | 'decoder', upscale: number): { readonly [name in typeof kind]?: Half } => {
    const start = starts.get(kind)
    if (start === undefined) return {}
    const title = `TAESD ${kind}`
    const tensors = [...table.tensors].filter(([name]) => name.startsWith(start))
    const local = new Map(tensors.map(([name, tensor]) => [name.slice(start.length), tensor]))
    const graph: Half['graph'] = (height, width) => ({
      key: `${title} ${height}x${width}`,
      activationBytes: TAESD_BYTES * (upscale * height * upscale * width),
      build: (net) =>
        kind === 'decoder'
          ? taesdDecoderGraph(net, sizes.latentChannels, height, width)
          : taesdEncoderGraph(net, height, width),
    })
    return { [kind]: { weights: weightsOf(title, local), graph } }
  }
  return {
    kind: 'taesd',
    title: 'TAESD',
    ...sizes,
    signed: false,
    encodedChannels: sizes.latentChannels,
    ...half('decoder', sizes.downscale),
    ...half('encoder', 1),
    toDecoder: () => {},
    fromEncoder: (values) => values,
  }
}
