import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { ancestralSplit, between, towards } from '../steps.ts'

/** Source: k-diffusion `sample_dpmpp_2s_ancestral`, after DPM-Solver++(2S) (Lu et al. 2022) */
export const dpmpp2sAncestral: Sampler = {
  name: 'dpmpp_2s_a',
  label: 'DPM++ 2S a',
  aliases: ['dpmpp_2s_ancestral', 'k_dpmpp_2s_a'],
  schedule: 'karras',
  noise: 'following',
  calls: 2,
  sample: (run) =>
    eachStep(run, async ({ x, denoised, sigma, next }) => {
      const { down, up } = ancestralSplit(sigma, next)
      if (down === 0) return towards(x, denoised, sigma, down)
      const middle = between(sigma, down)
      const again = await run.denoise(towards(x, denoised, sigma, middle), middle)
      return mix([1, towards(x, again, sigma, down)], [up, run.noise(sigma, next)])
    }),
}
