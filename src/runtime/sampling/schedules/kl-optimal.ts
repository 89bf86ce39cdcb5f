import { evenly, type SigmaSchedule } from './schedule.ts'

/** Even in arctan sigma; ends at the lowest level of the model, not at 0. Source: A1111 and Forge, `kl_optimal` */
export const klOptimal: SigmaSchedule = {
  name: 'kl_optimal',
  label: 'KL Optimal',
  aliases: [],
  sigmas: (steps, { sigmaMin, sigmaMax }) =>
    evenly(Math.atan(sigmaMax), Math.atan(sigmaMin), steps + 1).map(Math.tan),
}
