import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { ancestralSplit, between, towards } from '../steps.ts'

/** Source: k-diffusion `sample_dpmpp_sde` with r = 1/2, where the second denoised picture alone counts */
export const dpmppSde: Sampler = {
  name: 'dpmpp_sde',
  label: 'DPM++ SDE',
  aliases: ['k_dpmpp_sde', 'DPMSolverSDEScheduler'],
  schedule: 'karras',
  noise: 'brownian',
  calls: 2,
  sample: (run) =>
    eachStep(run, async ({ x, denoised, sigma, next }) => {
      if (next === 0) return denoised
      const partTo = (target: number, picture: Float32Array): Float32Array => {
        const { down, up } = ancestralSplit(sigma, target)
        return mix([1, towards(x, picture, sigma, down)], [up, run.noise(sigma, target)])
      }
      const middle = between(sigma, next)
      return partTo(next, await run.denoise(partTo(middle, denoised), middle))
    }),
}
