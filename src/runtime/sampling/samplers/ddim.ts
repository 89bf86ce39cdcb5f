import { eachStep, type Sampler } from '../sampler.ts'
import { towards } from '../steps.ts'

/** Source: Song et al. 2020, "Denoising Diffusion Implicit Models", eta = 0, which is Euler in these coordinates */
export const ddim: Sampler = {
  name: 'ddim',
  label: 'DDIM',
  aliases: ['DDIMScheduler'],
  schedule: 'ddim',
  calls: 1,
  variancePreserving: true,
  // A1111 steps from each of its timesteps 1, 1 + s .. to the one below, and leaves the noise of timestep 1; asked for
  // one step, it takes none
  sigmas: (steps, { sigmas, sigmaMax }) => {
    if (steps === 1) return [sigmaMax, 0]
    const stride = Math.floor(sigmas.length / steps)
    const count = Math.ceil(sigmas.length / stride)
    return Array.from({ length: count }, (_, i) => {
      return sigmas[Math.min((count - 1 - i) * stride + 1, sigmas.length - 1)]!
    })
  },
  sample: (run) => eachStep(run, ({ x, denoised, sigma, next }) => towards(x, denoised, sigma, next)),
}
