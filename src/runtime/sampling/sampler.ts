import type { NoiseSchedule } from './noise-schedule.ts'

/** The clean picture that the model sees in noisy latents `x = picture + sigma * noise`. */
export type Denoise = (x: Float32Array, sigma: number) => Promise<Float32Array>

/** Unit noise for the step from one noise level to a lower one. */
export type StepNoise = (sigma: number, next: number) => Float32Array

/** What a sampler knows at the beginning of each step. */
export interface StepReport {
  /** From 0. */
  readonly step: number
  readonly sigma: number
  readonly denoised: Float32Array
}

export interface SamplerRun {
  readonly denoise: Denoise
  /** Latents at the first noise level. */
  readonly x: Float32Array
  /** Noise levels, falling; one more than there are steps, the last usually 0. */
  readonly sigmas: readonly number[]
  /** Only drawn from by samplers that add noise. */
  readonly noise: StepNoise
  onStep?(report: StepReport): void
}

/** Names of schedules that A1111 takes for a sampler by itself, and of the others. */
export type ScheduleName =
  | 'uniform'
  | 'karras'
  | 'exponential'
  | 'sgm_uniform'
  | 'simple'
  | 'normal'
  | 'ddim'
  | 'kl_optimal'
  | 'align_your_steps'
  | 'beta'

export interface Sampler {
  readonly name: string
  /** As A1111 calls it in the parameters of a picture. */
  readonly label: string
  /** Names in k-diffusion, ComfyUI and diffusers. */
  readonly aliases: readonly string[]
  /** What A1111's schedule "Automatic" is for it. */
  readonly schedule: ScheduleName
  /** Where its step noise comes from, if it adds any: numbers that follow the first noise, or a Brownian tree. */
  readonly noise?: 'following' | 'brownian'
  /** Calls of the model in a step, but for the last. PLMS has one more in its first, which prompts do not count. */
  readonly calls: 1 | 2
  /** A1111 lets it run a step more, without the last noise level but one. */
  readonly skipsPenultimate?: true
  /**
   * Its latents keep the variance of the data (`x / sqrt(1 + sigma^2)`) in the programs that have it: they begin as
   * unit noise, and leave any noise level in that scale. All samplers here see `x = picture + sigma * noise`.
   */
  readonly variancePreserving?: true
  /** Noise levels of its own, in place of those of `schedule`, where no schedule is asked for. */
  sigmas?(steps: number, schedule: NoiseSchedule): number[]
  /** Which timestep of the model it takes for a noise level, if not the nearest in log sigma, between two steps. */
  timestep?(sigma: number, schedule: NoiseSchedule): number
  /** What it makes of the model before the first step. */
  prepare?(denoise: Denoise, schedule: NoiseSchedule): Denoise
  sample(run: SamplerRun): Promise<Float32Array>
}

/** One step, with what the model sees at its beginning. */
export interface Step extends StepReport {
  readonly x: Float32Array
  readonly next: number
}

/** Runs a sampler that asks the model at the beginning of every step. */
export async function eachStep(
  run: SamplerRun,
  take: (step: Step) => Float32Array | Promise<Float32Array>,
): Promise<Float32Array> {
  let x = run.x
  for (let step = 0; step < run.sigmas.length - 1; step++) {
    const [sigma, next] = [run.sigmas[step]!, run.sigmas[step + 1]!]
    const denoised = await run.denoise(x, sigma)
    run.onStep?.({ step, sigma, denoised })
    x = await take({ step, sigma, next, denoised, x })
  }
  return x
}
