import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { towards } from '../steps.ts'

/** Source: k-diffusion `sample_dpmpp_2m`, after DPM-Solver++(2M) (Lu et al. 2022) */
export const dpmpp2m: Sampler = {
  name: 'dpmpp_2m',
  label: 'DPM++ 2M',
  aliases: ['k_dpmpp_2m', 'DPMSolverMultistepScheduler'],
  schedule: 'karras',
  calls: 1,
  sample: (run) => {
    let before: Float32Array | undefined
    return eachStep(run, ({ step, x, denoised, sigma, next }) => {
      const old = before
      before = denoised
      if (old === undefined || next === 0) return towards(x, denoised, sigma, next)
      const share = Math.log(sigma / next) / Math.log(run.sigmas[step - 1]! / sigma) / 2
      return towards(x, mix([1 + share, denoised], [-share, old]), sigma, next)
    })
  },
}
