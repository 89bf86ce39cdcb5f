import { eachStep, type Sampler } from '../sampler.ts'
import { towards } from '../steps.ts'

/** Source: Karras et al. 2022, algorithm 2 without churn, first order */
export const euler: Sampler = {
  name: 'euler',
  label: 'Euler',
  aliases: ['k_euler', 'EulerDiscreteScheduler'],
  schedule: 'uniform',
  calls: 1,
  sample: (run) => eachStep(run, ({ x, denoised, sigma, next }) => towards(x, denoised, sigma, next)),
}
