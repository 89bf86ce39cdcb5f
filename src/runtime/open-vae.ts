import { refuse, SdtoolError } from '../errors.ts'
import type { LatentFormat } from '../model/architectures/architecture.ts'
import { identifyVae } from '../model/vae.ts'
import { type Autoencoder, type Half, klAutoencoder, tinyAutoencoder } from './autoencoders.ts'
import { checkFinite } from './check-values.ts'
import type { EngineOptions, RenderModel, Vae, VaeOptions } from './engine.ts'
import { availableMemory } from './memory.ts'
import { networkSession } from './network-session.ts'
import { cut, mosaic, type Planes, type Span, spans } from './tiles.ts'

/** @throws COMPONENT_MISSING, COMPONENT_INCOMPLETE, NOT_RENDERABLE */
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
    info.layout === 'taesd'
      ? tinyAutoencoder(model.table, sizes)
      : klAutoencoder(model.table, info, sizes, format)
  return vaeOf(autoencoder, options)
}

const DEFAULTS = { latentChannels: 4, downscale: 8 }

function vaeOf(autoencoder: Autoencoder, options: EngineOptions): Vae {
  const { kind, title, latentChannels, downscale, decoder, encoder } = autoencoder
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

function scaled({ begin, end }: Span, by: number): Span {
  return { begin: begin * by, end: end * by }
}
