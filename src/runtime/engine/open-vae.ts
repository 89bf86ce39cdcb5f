import { identifyVae } from '../../model/identify/vae.ts'
import type { Model } from '../../model/model.ts'
import type { LatentFormat } from '../../model/networks/architectures/architecture.ts'
import { refuse, SdtoolError } from '../../system/errors.ts'
import { checkFiniteValues } from '../devices/check-values.ts'
import { availableMemory } from '../sessions/memory.ts'
import { type NetworkSession, networkSession } from '../sessions/network-session.ts'
import { type Autoencoder, type Half, klAutoencoder, tinyAutoencoder } from './autoencoders.ts'
import type { EngineOptions, Latent, Pixels, Vae, VaeOptions } from './engine.ts'
import { messages } from './messages.ts'
import { cut, mosaic, type Planes, type Span, spans } from './tiles.ts'

/** @throws COMPONENT_MISSING, COMPONENT_INCOMPLETE, NOT_RENDERABLE (exit 3) */
export async function openVae(model: Model, format: LatentFormat, options: EngineOptions): Promise<Vae> {
  const info = identifyVae(model.file)
  if (info === undefined) {
    throw refuse('COMPONENT_MISSING', messages.noVae(model.name), messages.nameVae)
  }
  if (!RUN.has(info.network)) {
    throw refuse('NOT_RENDERABLE', messages.otherAutoencoder(model.name, info.title), messages.nameVae)
  }
  const { latentChannels, downscale } = { ...DEFAULTS, ...info }
  if (latentChannels !== format.channels) {
    throw refuse(
      'NOT_RENDERABLE',
      messages.otherChannels(model.name, latentChannels, format.channels),
      messages.sameFamily,
    )
  }
  const sizes = { latentChannels, downscale }
  const autoencoder =
    info.layout === 'taesd'
      ? tinyAutoencoder(model.file, sizes)
      : klAutoencoder(model.file, info, sizes, format)
  return vaeOf(autoencoder, options)
}

/** Autoencoders that have a graph. */
const RUN: ReadonlySet<string> = new Set(['kl', 'taesd'])

const DEFAULTS = { latentChannels: 4, downscale: 8 }

// the VAE of SDXL overflows fp16, and none is large
const PRECISION = 'fp32'

/** One half of an autoencoder, and the session that runs it. */
interface OpenHalf {
  readonly half: Half
  readonly session: NetworkSession
}

function openHalf(half: Half | undefined, options: EngineOptions): OpenHalf | undefined {
  if (half === undefined) return undefined
  const { weights } = half
  const spec = { title: weights.title, weights, precision: PRECISION, once: true } as const
  return { half, session: networkSession(spec, options) }
}

function vaeOf(autoencoder: Autoencoder, options: EngineOptions): Vae {
  const { kind, title, latentChannels, downscale } = autoencoder
  const decoder = openHalf(autoencoder.decoder, options)
  const encoder = openHalf(autoencoder.encoder, options)
  return {
    title,
    kind,
    latentChannels,
    downscale,
    async decode(latent, vaeOptions = {}) {
      if (decoder === undefined)
        throw refuse('NO_DECODER', messages.noDecoder(title), messages.nameAnotherVae)
      await encoder?.session.unload()
      return decoded(latent, autoencoder, decoder, options, vaeOptions)
    },
    async encode(picture, vaeOptions = {}) {
      if (encoder === undefined)
        throw refuse('NO_ENCODER', messages.noEncoder(title), messages.nameAnotherVae)
      await decoder?.session.unload()
      return encoded(picture, autoencoder, encoder, options, vaeOptions)
    },
    async close() {
      await decoder?.session.close()
      await encoder?.session.close()
    },
  }
}

/** The picture of a latent. */
async function decoded(
  latent: Latent,
  autoencoder: Autoencoder,
  { half, session }: OpenHalf,
  options: EngineOptions,
  vaeOptions: VaeOptions,
): Promise<Pixels> {
  const { latentChannels, downscale } = autoencoder
  const input = { ...latent, data: latent.data.slice(), channels: latentChannels }
  autoencoder.toDecoder(input.data)
  const { activationBytes } = half.graph(latent.height, latent.width)
  const output = { channels: RGB, scale: downscale }
  const picture = await inTiles({ latent, activationBytes, output }, options, vaeOptions, async (y, x) => {
    const tile = cut(input, y, x)
    const feed = { data: tile.data, dims: [1, latentChannels, tile.height, tile.width] }
    const { out } = await session.run(half.graph(tile.height, tile.width), { z: feed })
    return out!
  })
  checkFiniteValues(picture, { title: half.weights.title, precision: PRECISION })
  const data = autoencoder.signed ? picture.map((value) => (value + 1) / 2) : picture
  checkNotBlack(data, half.weights.title)
  return { data, height: latent.height * downscale, width: latent.width * downscale }
}

/** The latent of a picture. */
async function encoded(
  { data, height, width }: Pixels,
  autoencoder: Autoencoder,
  { half, session }: OpenHalf,
  options: EngineOptions,
  vaeOptions: VaeOptions,
): Promise<Latent> {
  const { downscale } = autoencoder
  const values = autoencoder.signed ? data.map((value) => value * 2 - 1) : data
  const input = { data: values, channels: RGB, height, width }
  const { activationBytes } = half.graph(height, width)
  const latent = { height: height / downscale, width: width / downscale }
  const output = { channels: autoencoder.encodedChannels, scale: 1 }
  const found = await inTiles({ latent, activationBytes, output }, options, vaeOptions, async (y, x) => {
    const tile = cut(input, scaled(y, downscale), scaled(x, downscale))
    const feed = { data: tile.data, dims: [1, RGB, tile.height, tile.width] }
    const { out } = await session.run(half.graph(tile.height, tile.width), { picture: feed })
    return out!
  })
  checkFiniteValues(found, { title: half.weights.title, precision: PRECISION })
  return { data: autoencoder.fromEncoder(found, latent.height * latent.width), ...latent }
}

const RGB = 3

/** @throws BLACK_IMAGE (exit 1): what a decoder gives that was fed numbers beyond its range */
function checkNotBlack(data: Float32Array, title: string): void {
  if (data.some((value) => value > 1 / 255)) return
  throw new SdtoolError('BLACK_IMAGE', messages.blackImage(title), {
    hint: messages.nameOtherVae,
  })
}

/** Latent pixels of the largest picture that is taken as a whole: 1024x1024. */
const WHOLE = 128 * 128
/** A tile is a picture of 512x512 for the usual VAE. */
const TILE = 64
const OVERLAP_SHARE = 4

interface TileWork {
  readonly latent: Pick<Planes, 'height' | 'width'>
  /** As a whole. */
  readonly activationBytes: number
  /** `scale`: pixels for each of the latent, along one side. */
  readonly output: { readonly channels: number; readonly scale: number }
}

/** What `make` gives for all of a latent, or for tiles of it; places are those in the latent. */
async function inTiles(
  { latent: { height, width }, activationBytes, output: { channels, scale } }: TileWork,
  { device }: EngineOptions,
  { tile, onTile }: VaeOptions,
  make: (y: Span, x: Span) => Promise<Float32Array>,
): Promise<Float32Array> {
  const fits = height * width <= WHOLE && (device.kind.ownMemory || activationBytes < availableMemory())
  const side = tile ?? (fits ? 0 : TILE)
  if (side === 0 || (height <= side && width <= side))
    return make({ begin: 0, end: height }, { begin: 0, end: width })
  const overlap = Math.floor(side / OVERLAP_SHARE)
  const places = spans(height, side, overlap).flatMap((y) => {
    return spans(width, side, overlap).map((x) => ({ y, x }))
  })
  const whole = mosaic(channels, height * scale, width * scale)
  for (const [done, { y, x }] of places.entries()) {
    const [down, across] = [scaled(y, scale), scaled(x, scale)]
    const size = { height: down.end - down.begin, width: across.end - across.begin }
    whole.add({ data: await make(y, x), channels, ...size }, down, across, overlap * scale)
    onTile?.(done + 1, places.length)
  }
  return whole.picture()
}

function scaled({ begin, end }: Span, by: number): Span {
  return { begin: begin * by, end: end * by }
}
