import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { towards } from '../steps.ts'

/** Source: Karras et al. 2022, algorithm 2 without churn */
export const heun: Sampler = {
  name: 'heun',
  label: 'Heun',
  aliases: ['k_heun', 'HeunDiscreteScheduler'],
  schedule: 'uniform',
  calls: 2,
  sample: (run) =>
    eachStep(run, async ({ x, denoised, sigma, next }) => {
      const first = towards(x, denoised, sigma, next)
      if (next === 0) return first
      const again = await run.denoise(first, next)
      // both slopes of the step, the second from where the first led to
      const half = (next - sigma) / 2
      return mix(
        [1 + half / sigma, x],
        [-half / sigma, denoised],
        [half / next, first],
        [-half / next, again],
      )
    }),
}
