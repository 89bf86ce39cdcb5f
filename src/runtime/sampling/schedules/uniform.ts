import type { NoiseSchedule } from '../noise-schedule.ts'
import { evenly, type Schedule } from './schedule.ts'

/** Even in timesteps, first and last among them. Source: k-diffusion `get_sigmas` */
export const uniform: Schedule = {
  name: 'uniform',
  label: 'Uniform',
  aliases: [],
  sigmas: evenTimesteps,
}

/** The same levels under the name that ComfyUI gives them. A1111 has both. */
export const normal: Schedule = { name: 'normal', label: 'Normal', aliases: [], sigmas: evenTimesteps }

function evenTimesteps(steps: number, schedule: NoiseSchedule): number[] {
  return [...evenly(schedule.sigmas.length - 1, 0, steps).map(schedule.sigmaOf), 0]
}
