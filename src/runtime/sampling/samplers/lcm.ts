import { mix } from '../latents.ts'
import type { NoiseSchedule } from '../noise-schedule.ts'
import { eachStep, type Sampler } from '../sampler.ts'

/** Latent consistency models are distilled on these of the 1000 timesteps: 19, 39 .. 999. */
const ORIGINAL_STEPS = 50
const SIGMA_DATA = 0.5
const TIMESTEP_SCALE = 10

/**
 * Source: Luo et al. 2023, "Latent Consistency Models"; noise levels and the nearest timestep of the original steps as
 * in A1111, modules/sd_samplers_lcm.py
 */
export const lcm: Sampler = {
  name: 'lcm',
  label: 'LCM',
  aliases: ['k_lcm', 'LCMScheduler'],
  schedule: 'uniform',
  noise: 'following',
  calls: 1,
  sigmas: (steps, schedule) => {
    const logs = originalTimesteps(schedule).map((t) => Math.log(schedule.sigmas[t]!))
    const last = logs.length - 1
    const positions = Array.from(
      { length: steps },
      (_, i) => last - (steps > 1 ? (last * i) / (steps - 1) : 0),
    )
    return [...positions.map((position) => interpolated(logs, position)), 0]
  },
  timestep: nearestOriginal,
  prepare: (denoise, schedule) => {
    return async (x, sigma) => {
      const t = nearestOriginal(sigma, schedule) * TIMESTEP_SCALE
      const skip = SIGMA_DATA ** 2 / (t ** 2 + SIGMA_DATA ** 2)
      return mix([t / Math.hypot(t, SIGMA_DATA), await denoise(x, sigma)], [skip, x])
    }
  },
  sample: (run) =>
    eachStep(run, ({ denoised, sigma, next }) =>
      next > 0 ? mix([1, denoised], [next, run.noise(sigma, next)]) : denoised,
    ),
}

function originalTimesteps({ sigmas }: NoiseSchedule): number[] {
  const stride = sigmas.length / ORIGINAL_STEPS
  return Array.from({ length: ORIGINAL_STEPS }, (_, i) => Math.floor((i + 1) * stride) - 1)
}

function interpolated(logs: readonly number[], position: number): number {
  const low = Math.floor(position)
  const high = Math.min(low + 1, logs.length - 1)
  return Math.exp(logs[low]! + (position - low) * (logs[high]! - logs[low]!))
}

function nearestOriginal(sigma: number, schedule: NoiseSchedule): number {
  const distance = (t: number): number => Math.abs(Math.log(sigma / schedule.sigmas[t]!))
  return originalTimesteps(schedule).reduce((best, t) => (distance(t) < distance(best) ? t : best))
}
