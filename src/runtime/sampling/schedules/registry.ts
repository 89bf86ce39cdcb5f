import type { NoiseSchedule } from '../noise-schedule.ts'
import type { Sampler } from '../sampler.ts'
import { folded } from '../samplers/registry.ts'
import { alignYourSteps } from './align-your-steps.ts'
import { beta } from './beta.ts'
import { ddim } from './ddim.ts'
import { exponential } from './exponential.ts'
import { karras } from './karras.ts'
import { klOptimal } from './kl-optimal.ts'
import type { SigmaSchedule } from './schedule.ts'
import { sgmUniform } from './sgm-uniform.ts'
import { simple } from './simple.ts'
import { normal, uniform } from './uniform.ts'

/** Every schedule, in the order of `--help`. A new one is a file and a line here. */
export const SCHEDULES: readonly SigmaSchedule[] = [
  karras,
  exponential,
  sgmUniform,
  simple,
  normal,
  ddim,
  uniform,
  klOptimal,
  alignYourSteps,
  beta,
]

/** By its name or that of other programs: case, spaces, `_` and `-` make no difference. */
export function findSchedule(name: string): SigmaSchedule | undefined {
  const wanted = folded(name)
  return SCHEDULES.find(({ name, label, aliases }) =>
    [name, label, ...aliases].some((own) => folded(own) === wanted),
  )
}

/**
 * Noise levels of a run, each lower than the one before: with nearly as many steps as a model has, some schedules name
 * one twice, and a step of length 0 is a division by 0 in others.
 * @param chosen what A1111 takes for the sampler by itself, if absent
 */
export function sigmasOf(
  sampler: Sampler,
  chosen: SigmaSchedule | undefined,
  steps: number,
  schedule: NoiseSchedule,
): number[] {
  return levelsOf(sampler, chosen, steps, schedule).filter((sigma, i, all) => i === 0 || sigma < all[i - 1]!)
}

function levelsOf(
  sampler: Sampler,
  chosen: SigmaSchedule | undefined,
  steps: number,
  schedule: NoiseSchedule,
): number[] {
  if (chosen === undefined && sampler.sigmas) return sampler.sigmas(steps, schedule)
  const { sigmas } = chosen ?? findSchedule(sampler.schedule)!
  if (!sampler.skipsPenultimate) return sigmas(steps, schedule)
  return sigmas(steps + 1, schedule).toSpliced(-2, 1)
}
