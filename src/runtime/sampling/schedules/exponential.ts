import { evenly, type SigmaSchedule } from './schedule.ts'

/** Even in log sigma. Source: k-diffusion `get_sigmas_exponential` */
export const exponential: SigmaSchedule = {
  name: 'exponential',
  label: 'Exponential',
  aliases: [],
  sigmas: (steps, { sigmaMin, sigmaMax }) => [
    ...evenly(Math.log(sigmaMax), Math.log(sigmaMin), steps).map(Math.exp),
    0,
  ],
}
