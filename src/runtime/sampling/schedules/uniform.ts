import type { NoiseSchedule } from '../noise-schedule.ts'
import { evenly, type SigmaSchedule } from './schedule.ts'

/** Even in timesteps, first and last among them. Source: k-diffusion `get_sigmas` */
export const uniform: SigmaSchedule = {
  name: 'uniform',
  label: 'Uniform',
  aliases: [],
  sigmas: evenTimesteps,
}

/** The same levels under the name that ComfyUI gives them. A1111 has both. */
export const normal: SigmaSchedule = { name: 'normal', label: 'Normal', aliases: [], sigmas: evenTimesteps }

function evenTimesteps(steps: number, schedule: NoiseSchedule): number[] {
  return [...evenly(schedule.sigmas.length - 1, 0, steps).map(schedule.sigmaOf), 0]
}
