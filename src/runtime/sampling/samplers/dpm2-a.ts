import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { ancestralSplit } from '../steps.ts'
import { throughMiddle } from './dpm2.ts'

/** Source: k-diffusion `sample_dpm_2_ancestral` */
export const dpm2Ancestral: Sampler = {
  name: 'dpm2_a',
  label: 'DPM2 a',
  aliases: ['dpm_2_ancestral', 'k_dpm_2_a', 'KDPM2AncestralDiscreteScheduler'],
  schedule: 'karras',
  noise: 'following',
  calls: 2,
  skipsPenultimate: true,
  sample: (run) =>
    eachStep(run, async (step) => {
      const { down, up } = ancestralSplit(step.sigma, step.next)
      const lower = await throughMiddle(step, down, run.denoise)
      return down === 0 ? lower : mix([1, lower], [up, run.noise(step.sigma, step.next)])
    }),
}
