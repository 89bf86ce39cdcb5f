import { evenly, type SigmaSchedule } from './schedule.ts'

const RHO = 7

/** Source: Karras et al. 2022, equation 5 */
export const karras: SigmaSchedule = {
  name: 'karras',
  label: 'Karras',
  aliases: [],
  sigmas: (steps, { sigmaMin, sigmaMax }) => [
    ...evenly(sigmaMax ** (1 / RHO), sigmaMin ** (1 / RHO), steps).map((root) => root ** RHO),
    0,
  ],
}
