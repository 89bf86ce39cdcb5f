import { mix } from '../latents.ts'
import { type Denoise, eachStep, type Sampler, type Step } from '../sampler.ts'
import { between, towards } from '../steps.ts'

/** Source: k-diffusion `sample_dpm_2`, after DPM-Solver-2 (Lu et al. 2022) */
export const dpm2: Sampler = {
  name: 'dpm2',
  label: 'DPM2',
  aliases: ['dpm_2', 'k_dpm_2', 'KDPM2DiscreteScheduler'],
  schedule: 'karras',
  calls: 2,
  skipsPenultimate: true,
  sample: (run) => eachStep(run, (step) => throughMiddle(step, step.next, run.denoise)),
}

/** With the slope of the middle of the step. */
export async function throughMiddle(
  { x, denoised, sigma }: Step,
  next: number,
  denoise: Denoise,
): Promise<Float32Array> {
  if (next === 0) return towards(x, denoised, sigma, next)
  const middle = between(sigma, next)
  const halfway = towards(x, denoised, sigma, middle)
  const slope = (next - sigma) / middle
  return mix([1, x], [slope, halfway], [-slope, await denoise(halfway, middle)])
}
