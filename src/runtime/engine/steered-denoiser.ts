/** A denoising network that is steered by the prompts of one picture. */

import { timedAt } from '../prompt/prompt-schedule.ts'
import type { Predict } from '../sampling/denoiser.ts'
import { composed } from '../sampling/guidance.ts'
import { type Conditioning, sizeVector } from './conditioning.ts'
import type { Denoiser, Vae } from './engine.ts'
import { joinFloats } from './floats.ts'
import type { Steering } from './steering.ts'

/** In pixels, multiples of `SIZE_MULTIPLE`. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** A latent pixel is 8 x 8 pixels. */
export const SIZE_MULTIPLE = 8
/** Of latents. */
export const CHANNELS = 4

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

/** The network on the latents of one picture, with all prompts that hold for a call in that one call. */
export function predictor(
  network: Denoiser,
  { prompts, negative }: Steering<Conditioning>,
  { height, width }: PictureSize,
  mask: Float32Array | undefined,
): Predict {
  const size = { height: height / SIZE_MULTIPLE, width: width / SIZE_MULTIPLE }
  const isVector = network.vectorWidth !== undefined
  let call = 0
  return async (x, timestep) => {
    const texts = [...prompts.map(({ timed }) => timed), ...(negative ? [negative] : [])].map((timed) =>
      timedAt(timed, call),
    )
    call++
    const input = mask ? joinFloats([x, mask]) : x
    const out = await network.predict({
      ...size,
      n: texts.length,
      x: joinFloats(texts.map(() => input)),
      timesteps: texts.map(() => timestep),
      context: joinFloats(texts.map(({ context }) => context)),
      tokens: texts[0]!.context.length / network.contextWidth,
      ...(isVector && { y: joinFloats(texts.map(({ pooled }) => sizeVector(pooled!, height, width))) }),
    })
    const each = texts.map((_, i) => out.subarray(i * x.length, (i + 1) * x.length))
    const empty = negative && each.at(-1)!
    const parts = prompts.map(({ weight }, i) => [weight, each[i]!] as const)
    return empty ? { text: composed(parts, empty), empty } : { text: each[0]! }
  }
}
