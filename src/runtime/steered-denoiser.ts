/** A denoising network that is steered by the prompts of one picture. */
import { type Conditioning, sizeVector } from './conditioning.ts'
import type { Denoiser, Vae } from './engine.ts'
import { joinFloats } from './floats.ts'
import type { Predict } from './sampling/denoiser.ts'

/** In pixels, multiples of `SIZE_MULTIPLE`. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** A latent pixel is 8 x 8 pixels. */
export const SIZE_MULTIPLE = 8
/** Of latents. */
export const CHANNELS = 4

/** What the denoiser is steered by for one picture. */
export interface ImageConditioning {
  readonly text: Conditioning
  /** Undefined without guidance. */
  readonly empty?: Conditioning
}

/**
 * What an inpainting model sees beside the latents when nothing is to be kept: a mask of ones, and a grey picture.
 * Source: A1111, modules/processing.py, `txt2img_image_conditioning`
 */
export async function inpaintingInput(
  denoiser: Denoiser,
  vae: Vae,
  { height, width }: PictureSize,
): Promise<Float32Array | undefined> {
  if (denoiser.channels === CHANNELS) return undefined
  const grey = new Float32Array(3 * height * width).fill(0.5)
  const { data } = await vae.encode({ data: grey, height, width })
  const mask = new Float32Array(data.length / CHANNELS).fill(1)
  return joinFloats([mask, data])
}

/** The network on the latents of one picture, with and without its prompt in one call. */
export function predictor(
  network: Denoiser,
  { text, empty }: ImageConditioning,
  { height, width }: PictureSize,
  mask: Float32Array | undefined,
): Predict {
  const both = empty ? [text, empty] : [text]
  const context = joinFloats(both.map((own) => own.context))
  const y =
    network.vectorWidth === undefined
      ? undefined
      : joinFloats(both.map(({ pooled }) => sizeVector(pooled!, height, width)))
  const common = {
    n: both.length,
    height: height / SIZE_MULTIPLE,
    width: width / SIZE_MULTIPLE,
    context,
    tokens: text.context.length / network.contextWidth,
    ...(y && { y }),
  }
  return async (x, timestep) => {
    const input = mask ? joinFloats([x, mask]) : x
    const out = await network.predict({
      ...common,
      x: joinFloats(both.map(() => input)),
      timesteps: both.map(() => timestep),
    })
    return empty ? { text: out.subarray(0, x.length), empty: out.subarray(x.length) } : { text: out }
  }
}
