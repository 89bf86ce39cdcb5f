import { refuse, SdtoolError } from '../errors.ts'
import type { LatentFormat } from '../model/architectures/architecture.ts'
import { taesdHalves } from '../model/taesd.ts'
import { deriveVae } from '../model/topology/derive.ts'
import type { ShapeOf } from '../model/topology/match.ts'
import { VAE_KL_F8, type VaeConfig } from '../model/topology/vae.ts'
import { canonicalVae, identifyVae, type VaeInfo } from '../model/vae.ts'
import type { Tensor, TensorTable } from '../tensor/table.ts'
import { checkFinite } from './check-values.ts'
import type { EngineOptions, RenderModel, Vae, VaeOptions } from './engine.ts'
import { availableMemory } from './memory.ts'
import { networkSession, type SizedGraph } from './network-session.ts'
import { taesdDecoderGraph, taesdEncoderGraph } from './networks/taesd.ts'
import { vaeDecoderGraph, vaeEncoderGraph } from './networks/vae.ts'
import { type Weights, weightsOf } from './networks/weights.ts'
import { cut, mosaic, type Planes, spans } from './tiles.ts'

/** One half of an autoencoder, latents and pictures in the ranges that its graph has. */
interface Half {
  readonly weights: Weights
  /** Sides are those of its input. */
  graph(height: number, width: number): SizedGraph
}

interface Autoencoder {
  readonly kind: Vae['kind']
  readonly latentChannels: number
  readonly downscale: number
  readonly decoder?: Half
  readonly encoder?: Half
  /** Latent of the denoiser -> input of the decoder, in place. */
  toDecoder(latent: Float32Array): void
  /** Output of the encoder -> latent of the denoiser. */
  fromEncoder(values: Float32Array, pixels: number): Float32Array
  /** Pictures in [-1, 1] instead of [0, 1]. */
  readonly signed: boolean
}

/** @throws COMPONENT_MISSING */
export async function openVae(
  model: RenderModel,
  format: LatentFormat,
  options: EngineOptions,
): Promise<Vae> {
  const info = identifyVae(model.table)
  if (info === undefined) {
    throw refuse('COMPONENT_MISSING', `${model.name} has no VAE`, 'Name one with --vae.')
  }
  const { latentChannels, downscale } = { ...DEFAULTS, ...info }
  if (latentChannels !== format.channels) {
    throw refuse(
      'NOT_RENDERABLE',
      `${model.name} is a VAE of ${latentChannels} latent channels, the model has ${format.channels}`,
      'Name a VAE of the same family.',
    )
  }
  const sizes = { latentChannels, downscale }
  const autoencoder =
    info.layout === 'taesd' ? tiny(model.table, sizes) : kl(model.table, info, sizes, format)
  return vaeOf(autoencoder, info.layout === 'taesd' ? 'TAESD' : 'VAE', options)
}

const DEFAULTS = { latentChannels: 4, downscale: 8 }

type Sizes = Pick<Autoencoder, 'latentChannels' | 'downscale'>

function kl(table: TensorTable, info: VaeInfo, sizes: Sizes, format: LatentFormat): Autoencoder {
  const tensors = canonicalVae(table, info)
  const config = klConfig(tensors)
  const half = (title: string, build: typeof vaeDecoderGraph, upscale: number): Half => ({
    weights: weightsOf(title, tensors),
    graph: (height, width) => ({
      key: `${title} ${height}x${width}`,
      activationBytes: activationBytes(config, upscale * height * upscale * width),
      build: (net) => build(net, config, height, width),
    }),
  })
  return {
    kind: 'kl',
    ...sizes,
    signed: true,
    ...(info.decoder && { decoder: half('VAE decoder', vaeDecoderGraph, sizes.downscale) }),
    ...(info.encoder && { encoder: half('VAE encoder', vaeEncoderGraph, 1) }),
    toDecoder: (latent) => eachChannel(latent, format, ({ mean, std }, z) => (z * std) / format.scale + mean),
    fromEncoder(moments, pixels) {
      const means = moments.slice(0, sizes.latentChannels * pixels) // the rest are variances
      eachChannel(means, format, ({ mean, std }, z) => ((z - mean) * format.scale) / std)
      return means
    },
  }
}

function klConfig(tensors: ReadonlyMap<string, Tensor>): VaeConfig {
  const shapeOf: ShapeOf = (name) => tensors.get(name)?.shape
  return deriveVae(shapeOf) ?? encoderConfig(shapeOf) ?? VAE_KL_F8
}

/** Of a file with an encoder only, which has one res block less in each level. */
function encoderConfig(shapeOf: ShapeOf): VaeConfig | undefined {
  const moments = shapeOf('encoder.conv_out.weight')
  const inDecoder = (name: string) => name.replace(/^decoder\.up/, 'encoder.down')
  const config = deriveVae((name) =>
    name === 'decoder.conv_in.weight' ? moments && [0, moments[0]! / 2] : shapeOf(inDecoder(name)),
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

function tiny(table: TensorTable, sizes: Sizes): Autoencoder {
  const halves = new Map(taesdHalves(table).map(({ kind, start }) => [kind, start]))
  const half = (kind: 'encoder' | 'decoder', upscale: number): Half | undefined => {
    const start = halves.get(kind)
    if (start === undefined) return undefined
    const title = `TAESD ${kind}`
    const tensors = [...table.tensors].filter(([name]) => name.startsWith(start))
    return {
      weights: weightsOf(title, new Map(tensors.map(([name, tensor]) => [name.slice(start.length), tensor]))),
      graph: (height, width) => ({
        key: `${title} ${height}x${width}`,
        activationBytes: TAESD_BYTES * (upscale * height * upscale * width),
        build: (net) =>
          kind === 'decoder'
            ? taesdDecoderGraph(net, sizes.latentChannels, height, width)
            : taesdEncoderGraph(net, height, width),
      }),
    }
  }
  const [decoder, encoder] = [half('decoder', sizes.downscale), half('encoder', 1)]
  return {
    kind: 'taesd',
    ...sizes,
    signed: false,
    ...(decoder && { decoder }),
    ...(encoder && { encoder }),
    toDecoder: () => {},
    fromEncoder: (values) => values,
  }
}

/** 64 channels, four of them at a time. */
const TAESD_BYTES = 4 * 64 * 4

function vaeOf(autoencoder: Autoencoder, title: string, options: EngineOptions): Vae {
  const { kind, latentChannels, downscale, decoder, encoder } = autoencoder
  const precision = 'fp32' // the VAE of SDXL overflows fp16, and none is large
  const sessionFor = (half: Half | undefined) =>
    half && networkSession({ title: half.weights.title, weights: half.weights, precision }, options)
  const [decoding, encoding] = [sessionFor(decoder), sessionFor(encoder)]
  const close = async () => {
    await decoding?.close()
    await encoding?.close()
  }
  return {
    title,
    kind,
    latentChannels,
    downscale,
    async decode(latent, vaeOptions = {}) {
      if (decoding === undefined || decoder === undefined) throw halfMissing(title, 'NO_DECODER', 'decoder')
      await encoding?.unload()
      const input = { ...latent, data: latent.data.slice(), channels: latentChannels }
      autoencoder.toDecoder(input.data)
      const picture = await inTiles(input, downscale, options, vaeOptions, decoder, async (tile) => {
        const feed = { data: tile.data, dims: [1, latentChannels, tile.height, tile.width] }
        const { out } = await decoding.run(decoder.graph(tile.height, tile.width), { z: feed })
        const [height, width] = [tile.height * downscale, tile.width * downscale]
        return { data: out!, channels: RGB, height, width }
      })
      checkFinite(picture.data, { title: decoder.weights.title, precision })
      const data = autoencoder.signed ? picture.data.map((value) => (value + 1) / 2) : picture.data
      checkNotBlack(data, decoder.weights.title)
      return { data, height: picture.height, width: picture.width }
    },
    async encode({ data, height, width }) {
      if (encoding === undefined || encoder === undefined) throw halfMissing(title, 'NO_ENCODER', 'encoder')
      await decoding?.unload()
      const values = autoencoder.signed ? data.map((value) => value * 2 - 1) : data
      const feed = { data: values, dims: [1, RGB, height, width] }
      const { out } = await encoding.run(encoder.graph(height, width), { picture: feed })
      checkFinite(out!, { title: encoder.weights.title, precision })
      const [h, w] = [height / downscale, width / downscale]
      return { data: autoencoder.fromEncoder(out!, h * w), height: h, width: w }
    },
    close,
  }
}

const RGB = 3

function halfMissing(title: string, code: 'NO_DECODER' | 'NO_ENCODER', half: string): SdtoolError {
  return refuse(code, `the ${title} has no ${half}`, 'Name another one with --vae.')
}

/** @throws BLACK_IMAGE: what a decoder gives that was fed numbers beyond its range */
function checkNotBlack(data: Float32Array, title: string): void {
  if (data.some((value) => value > 1 / 255)) return
  throw new SdtoolError('BLACK_IMAGE', `the ${title} gave a black picture`, {
    hint: 'Its weights may be damaged or out of the range of fp16: name another VAE with --vae.',
  })
}

/** Latent pixels of the largest picture that is decoded as a whole: 1024x1024. */
const WHOLE = 128 * 128
/** A tile is a picture of 512x512 for the usual VAE. */
const TILE = 64
const OVERLAP_SHARE = 4

async function inTiles(
  latent: Planes,
  downscale: number,
  { device }: EngineOptions,
  { tile, onTile }: VaeOptions,
  half: Half,
  decode: (tile: Planes) => Promise<Planes>,
): Promise<Planes> {
  const { height, width } = latent
  const need = half.graph(height, width).activationBytes
  const fits = height * width <= WHOLE && (device.kind.ownMemory || need < availableMemory())
  const side = tile ?? (fits ? 0 : TILE)
  if (side === 0 || (height <= side && width <= side)) return decode(latent)
  const overlap = Math.floor(side / OVERLAP_SHARE)
  const places = spans(height, side, overlap).flatMap((y) => {
    return spans(width, side, overlap).map((x) => ({ y, x }))
  })
  const picture = mosaic(RGB, height * downscale, width * downscale)
  for (const [done, { y, x }] of places.entries()) {
    const made = await decode(cut(latent, y, x))
    picture.add(made, scaled(y, downscale), scaled(x, downscale), overlap * downscale)
    onTile?.(done + 1, places.length)
  }
  const [h, w] = [height * downscale, width * downscale]
  return { data: picture.picture(), channels: RGB, height: h, width: w }
}

function scaled({ begin, end }: { begin: number; end: number }, by: number) {
  return { begin: begin * by, end: end * by }
}
