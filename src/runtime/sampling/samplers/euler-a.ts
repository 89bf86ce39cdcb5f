import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { ancestralSplit, towards } from '../steps.ts'

/** Source: k-diffusion `sample_euler_ancestral` */
export const eulerAncestral: Sampler = {
  name: 'euler_a',
  label: 'Euler a',
  aliases: ['euler_ancestral', 'k_euler_a', 'EulerAncestralDiscreteScheduler'],
  schedule: 'uniform',
  noise: 'following',
  calls: 1,
  sample: (run) =>
    eachStep(run, ({ x, denoised, sigma, next }) => {
      const { down, up } = ancestralSplit(sigma, next)
      const lower = towards(x, denoised, sigma, down)
      return next > 0 ? mix([1, lower], [up, run.noise(sigma, next)]) : lower
    }),
}
