/** From a seed to the latents of a picture. */
import type { Seed } from '../random/gaussian.ts'
import { RNGS, type RngName } from '../random/registry.ts'
import { scaleLatents } from '../sampling/latents.ts'
import type { NoiseSchedule } from '../sampling/noise-schedule.ts'
import type { Denoise, Sampler, StepReport } from '../sampling/sampler.ts'
import { sigmasOf } from '../sampling/schedules/registry.ts'
import type { SigmaSchedule } from '../sampling/schedules/schedule.ts'
import { brownianNoise, followingNoise } from '../sampling/step-noise.ts'

export interface SamplingSettings {
  readonly sampler: Sampler
  /** What A1111 takes for the sampler if absent. */
  readonly schedule?: SigmaSchedule
  readonly steps: number
  readonly rng: RngName
}

/**
 * Draws noise and takes it away again, in the order in which A1111 does.
 * @param count latents: channels x height x width
 */
export async function sampleImage(
  denoise: Denoise,
  seed: Seed,
  count: number,
  { sampler, schedule, steps, rng }: SamplingSettings,
  noiseLevels: NoiseSchedule,
  onStep?: (report: StepReport) => void,
): Promise<Float32Array> {
  const sigmas = sigmasOf(sampler, schedule, steps, noiseLevels)
  const { gaussian } = RNGS[rng]
  const following = gaussian(seed)
  const first = following(count)
  const noise =
    sampler.noise === 'brownian'
      ? brownianNoise(seed, sigmas, count, gaussian)
      : followingNoise(following, count)
  const x = await sampler.sample({
    denoise: sampler.prepare?.(denoise, noiseLevels) ?? denoise,
    x: scaleLatents(first, sampler.variancePreserving ? Math.hypot(sigmas[0]!, 1) : sigmas[0]!),
    sigmas,
    noise,
    ...(onStep && { onStep }),
  })
  return sampler.variancePreserving ? scaleLatents(x, 1 / Math.hypot(sigmas.at(-1)!, 1)) : x
}

/** Steps that are really run: some samplers take one more or less than they are asked for. */
export function stepsOf({ sampler, schedule, steps }: SamplingSettings, noiseLevels: NoiseSchedule): number {
  return sigmasOf(sampler, schedule, steps, noiseLevels).length - 1
}
