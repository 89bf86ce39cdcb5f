import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'

/** Source: k-diffusion `sample_dpmpp_2m_sde`, eta = 1, solver "midpoint" */
export const dpmpp2mSde: Sampler = {
  name: 'dpmpp_2m_sde',
  label: 'DPM++ 2M SDE',
  aliases: ['k_dpmpp_2m_sde'],
  schedule: 'exponential',
  noise: 'brownian',
  calls: 1,
  sample: (run) => {
    let before: { readonly denoised: Float32Array; readonly h: number } | undefined
    return eachStep(run, ({ x, denoised, sigma, next }) => {
      if (next === 0) return denoised
      const h = Math.log(sigma / next)
      const gain = -Math.expm1(-2 * h)
      const change = before ? (0.5 * gain * h) / before.h : 0
      const moved = mix(
        [Math.exp(-2 * h), x],
        [gain + change, denoised],
        [-change, before?.denoised ?? denoised],
        [next * Math.sqrt(gain), run.noise(sigma, next)],
      )
      before = { denoised, h }
      return moved
    })
  },
}
