import { evenly, type SigmaSchedule } from './schedule.ts'

/** Even in timesteps, without the last ("trailing"). Source: Stability-AI/generative-models; A1111 `sgm_uniform` */
export const sgmUniform: SigmaSchedule = {
  name: 'sgm_uniform',
  label: 'SGM Uniform',
  aliases: ['trailing'],
  sigmas: (steps, schedule) => [
    ...evenly(schedule.sigmas.length - 1, 0, steps + 1)
      .slice(0, -1)
      .map(schedule.sigmaOf),
    0,
  ],
}
