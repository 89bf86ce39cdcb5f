/** Keys and shapes of the autoencoders of Wan. Sources: Wan-Video/Wan2.1 `vae.py`, Wan-Video/Wan2.2 `vae2_2.py`. */
import type { Keys } from './layers.ts'
import type { ShapeOf, Topology } from './match.ts'

/** Everything that decides the keys and shapes of an autoencoder of Wan. */
export interface WanVaeConfig {
  /** Width of the first level of the encoder, and of the last of the decoder. */
  readonly width: number
  readonly decoderWidth: number
  readonly latentChannels: number
  /** Channels of what goes in and comes out: 3 for pictures, 12 where 2x2 of their pixels are one. */
  readonly input: number
  readonly output: number
  /** Wan 2.2: blocks of a level are numbered within it, and its decoder keeps its width where it grows the picture. */
  readonly nested: boolean
}

const FACTORS = [1, 2, 4, 4] as const
/** Levels after which there is one frame for two. */
const HALVES_TIME = [false, true, true]
const DOWN_BLOCKS = 2
const UP_BLOCKS = 3

export const WAN21_VAE: WanVaeConfig = {
  width: 96,
  decoderWidth: 96,
  latentChannels: 16,
  input: 3,
  output: 3,
  nested: false,
}

export const WAN22_VAE: WanVaeConfig = {
  width: 160,
  decoderWidth: 256,
  latentChannels: 48,
  input: 12,
  output: 12,
  nested: true,
}

/** The configuration of a file, whose pictures may have an alpha channel and whose decoder may have another width. */
export function deriveWanVae(shapeOf: ShapeOf, published: WanVaeConfig): WanVaeConfig {
  const [width, input] = shapeOf('encoder.conv1.weight') ?? []
  return {
    ...published,
    width: width ?? published.width,
    input: input ?? published.input,
    decoderWidth: shapeOf('decoder.head.0.gamma')?.[0] ?? published.decoderWidth,
    output: shapeOf('decoder.head.2.weight')?.[0] ?? published.output,
  }
}

/** Keys and shapes without prefix, in the names of its authors. */
export function wanVaeTopology(config: WanVaeConfig): Topology {
  const keys: Keys = new Map()
  encoder(keys, config)
  conv3d(keys, 'conv1', 2 * config.latentChannels, 2 * config.latentChannels, 1)
  conv3d(keys, 'conv2', config.latentChannels, config.latentChannels, 1)
  decoder(keys, config)
  return keys
}

function encoder(keys: Keys, { width, latentChannels, input, nested }: WanVaeConfig): void {
  conv3d(keys, 'encoder.conv1', width, input, 3)
  let channels = width
  let block = 0
  for (const [level, factor] of FACTORS.entries()) {
    const place = (j: number) =>
      nested ? `encoder.downsamples.${level}.downsamples.${j}` : `encoder.downsamples.${block++}`
    for (let j = 0; j < DOWN_BLOCKS; j++) {
      resBlock(keys, place(j), channels, factor * width)
      channels = factor * width
    }
    const timed = HALVES_TIME[level]
    if (timed === undefined) continue
    resample(keys, place(DOWN_BLOCKS), [channels, channels], timed ? channels : undefined)
  }
  middle(keys, 'encoder', channels)
  head(keys, 'encoder', 2 * latentChannels, channels)
}

function decoder(keys: Keys, { decoderWidth, latentChannels, output, nested }: WanVaeConfig): void {
  let channels = FACTORS.at(-1)! * decoderWidth
  let block = 0
  conv3d(keys, 'decoder.conv1', channels, latentChannels, 3)
  middle(keys, 'decoder', channels)
  for (const [level, factor] of [...FACTORS].reverse().entries()) {
    const place = (j: number) =>
      nested ? `decoder.upsamples.${level}.upsamples.${j}` : `decoder.upsamples.${block++}`
    for (let j = 0; j < UP_BLOCKS; j++) {
      resBlock(keys, place(j), channels, factor * decoderWidth)
      channels = factor * decoderWidth
    }
    if (level === FACTORS.length - 1) continue
    const timed = HALVES_TIME[HALVES_TIME.length - 1 - level]
    const next = nested ? channels : channels / 2
    resample(keys, place(UP_BLOCKS), [next, channels], timed ? 2 * channels : undefined)
    channels = next
  }
  head(keys, 'decoder', output, channels)
}

function conv3d(keys: Keys, name: string, out: number, input: number, side: number): void {
  keys.set(`${name}.weight`, [out, input, side, side, side])
  keys.set(`${name}.bias`, [out])
}

function gamma(keys: Keys, name: string, channels: number): void {
  keys.set(`${name}.gamma`, [channels, 1, 1, 1])
}

function resBlock(keys: Keys, name: string, input: number, out: number): void {
  gamma(keys, `${name}.residual.0`, input)
  conv3d(keys, `${name}.residual.2`, out, input, 3)
  gamma(keys, `${name}.residual.3`, out)
  conv3d(keys, `${name}.residual.6`, out, out, 3)
  if (input !== out) conv3d(keys, `${name}.shortcut`, out, input, 1)
}

/** @param timed rows of the convolution over frames, where there is one */
function resample(keys: Keys, name: string, [out, input]: readonly [number, number], timed?: number): void {
  keys.set(`${name}.resample.1.weight`, [out, input, 3, 3])
  keys.set(`${name}.resample.1.bias`, [out])
  if (timed === undefined) return
  keys.set(`${name}.time_conv.weight`, [timed, input, 3, 1, 1])
  keys.set(`${name}.time_conv.bias`, [timed])
}

function middle(keys: Keys, half: string, channels: number): void {
  resBlock(keys, `${half}.middle.0`, channels, channels)
  keys.set(`${half}.middle.1.norm.gamma`, [channels, 1, 1])
  for (const [part, rows] of [
    ['to_qkv', 3 * channels],
    ['proj', channels],
  ] as const) {
    keys.set(`${half}.middle.1.${part}.weight`, [rows, channels, 1, 1])
    keys.set(`${half}.middle.1.${part}.bias`, [rows])
  }
  resBlock(keys, `${half}.middle.2`, channels, channels)
}

function head(keys: Keys, half: string, out: number, channels: number): void {
  gamma(keys, `${half}.head.0`, channels)
  conv3d(keys, `${half}.head.2`, out, channels, 3)
}

/** Layers of a block, and modules outside of the levels: names of Wan -> those of diffusers. */
const LAYERS: Readonly<Record<string, string>> = {
  'residual.0': 'norm1',
  'residual.2': 'conv1',
  'residual.3': 'norm2',
  'residual.6': 'conv2',
  shortcut: 'conv_shortcut',
}
const MODULES: Readonly<Record<string, string>> = {
  conv1: 'quant_conv',
  conv2: 'post_quant_conv',
  'encoder.conv1': 'encoder.conv_in',
  'decoder.conv1': 'decoder.conv_in',
  'encoder.head.0': 'encoder.norm_out',
  'decoder.head.0': 'decoder.norm_out',
  'encoder.head.2': 'encoder.conv_out',
  'decoder.head.2': 'decoder.conv_out',
}

const RE_MIDDLE = /^(encoder|decoder)\.middle\.(\d)\.(.+)$/
const RE_DOWN = /^encoder\.downsamples\.(\d+)\.(?:downsamples\.(\d+)\.)?(.+)$/
const RE_UP = /^decoder\.upsamples\.(\d+)\.(?:upsamples\.(\d+)\.)?(.+)$/

/** Name of a key in diffusers, `AutoencoderKLWan` and `AutoencoderKLQwenImage`. */
export function wanVaeNameInDiffusers(name: string): string {
  const dot = name.lastIndexOf('.')
  const [module, leaf] = [name.slice(0, dot), name.slice(dot)]
  return (MODULES[module] ?? blockInDiffusers(module)) + leaf
}

function blockInDiffusers(module: string): string {
  const [, half, part, layer] = RE_MIDDLE.exec(module) ?? []
  if (half !== undefined) {
    const place = part === '1' ? 'attentions.0' : `resnets.${Number(part) / 2}`
    return `${half}.mid_block.${place}.${LAYERS[layer!] ?? layer}`
  }
  const [, down, downPart, downLayer] = RE_DOWN.exec(module) ?? []
  if (down !== undefined) return `encoder.down_blocks.${down}.${downPlace(downPart)}${inner(downLayer!)}`
  const [, up, upPart, upLayer] = RE_UP.exec(module) ?? []
  return up === undefined ? module : `decoder.up_blocks.${upPlace(Number(up), upPart)}.${inner(upLayer!)}`
}

function inner(layer: string): string {
  return LAYERS[layer] ?? layer
}

function downPlace(part: string | undefined): string {
  if (part === undefined) return ''
  return Number(part) < DOWN_BLOCKS ? `resnets.${part}.` : 'downsampler.'
}

function upPlace(n: number, part: string | undefined): string {
  const [level, j] =
    part === undefined ? [Math.floor(n / (UP_BLOCKS + 1)), n % (UP_BLOCKS + 1)] : [n, Number(part)]
  if (j < UP_BLOCKS) return `${level}.resnets.${j}`
  return part === undefined ? `${level}.upsamplers.0` : `${level}.upsampler`
}
