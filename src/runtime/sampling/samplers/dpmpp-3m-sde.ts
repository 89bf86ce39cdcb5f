import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'

interface Past {
  readonly denoised: Float32Array
  readonly h: number
}

/** Source: k-diffusion `sample_dpmpp_3m_sde`, eta = 1 */
export const dpmpp3mSde: Sampler = {
  name: 'dpmpp_3m_sde',
  label: 'DPM++ 3M SDE',
  aliases: ['k_dpmpp_3m_sde'],
  schedule: 'exponential',
  noise: 'brownian',
  calls: 1,
  skipsPenultimate: true,
  sample: (run) => {
    let past: Past[] = []
    return eachStep(run, ({ x, denoised, sigma, next }) => {
      if (next === 0) return denoised
      const h = Math.log(sigma / next)
      const moved = mix(
        [Math.exp(-2 * h), x],
        [-Math.expm1(-2 * h), denoised],
        ...derivatives(denoised, h, past),
        [next * Math.sqrt(-Math.expm1(-2 * h)), run.noise(sigma, next)],
      )
      past = [{ denoised, h }, ...past].slice(0, 2)
      return moved
    })
  },
}

/** First and second derivative of the denoised picture, each with its weight in the step. */
function derivatives(denoised: Float32Array, h: number, past: readonly Past[]): [number, Float32Array][] {
  const [one, two] = past
  if (!one) return []
  const phi2 = Math.expm1(-2 * h) / (2 * h) + 1
  const r0 = one.h / h
  const slope = mix([1 / r0, denoised], [-1 / r0, one.denoised])
  if (!two) return [[phi2, slope]]
  const r1 = two.h / h
  const slopeBefore = mix([1 / r1, one.denoised], [-1 / r1, two.denoised])
  const curvature = mix([1 / (r0 + r1), slope], [-1 / (r0 + r1), slopeBefore])
  const phi3 = phi2 / (2 * h) - 0.5
  return [
    [phi2, slope],
    [phi2 * r0 - phi3, curvature],
  ]
}
