import { guided, rescaled } from './guidance.ts'
import { mix, scaleLatents } from './latents.ts'
import type { NoiseSchedule } from './noise-schedule.ts'
import type { Denoise } from './sampler.ts'

/** What a network predicts in the latents it is given. */
export type Parameterization = 'epsilon' | 'v'

export const PARAMETERIZATIONS: readonly string[] = ['epsilon', 'v'] satisfies Parameterization[]

/** The network with a prompt, and without where guidance asks for it, on latents of unit variance. */
export type Predict = (
  x: Float32Array,
  timestep: number,
) => Promise<{ readonly text: Float32Array; readonly empty?: Float32Array }>

export interface DenoiserOptions {
  readonly schedule: NoiseSchedule
  readonly prediction: Parameterization
  /** Scale of the guidance. */
  readonly cfg: number
  /** 0 to 1; see `rescaled`. */
  readonly rescale?: number
  /** Timestep of a noise level, if not that of the schedule. */
  timestep?(sigma: number, schedule: NoiseSchedule): number
}

/** A network as a denoiser in `x = picture + sigma * noise`. Source: k-diffusion, external.py, CompVis(V)Denoiser */
export function denoiserOf(predict: Predict, options: DenoiserOptions): Denoise {
  const { schedule, prediction, cfg, rescale = 0 } = options
  const timestepOf = options.timestep ?? ((sigma: number) => schedule.timestepOf(sigma))
  return async (x, sigma) => {
    const spread = Math.hypot(sigma, 1)
    const { text, empty } = await predict(scaleLatents(x, 1 / spread), timestepOf(sigma, schedule))
    const raw = empty === undefined ? text : guided(text, empty, cfg)
    const output = rescale > 0 && empty !== undefined ? rescaled(raw, text, rescale) : raw
    return prediction === 'v'
      ? mix([1 / spread ** 2, x], [-sigma / spread, output])
      : mix([1, x], [-sigma, output])
  }
}
