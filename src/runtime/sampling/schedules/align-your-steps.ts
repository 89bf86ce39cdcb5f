import { evenly, type SigmaSchedule } from './schedule.ts'

/** Levels found for 10 steps. */
const SD1 = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
const SDXL = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029]

/**
 * Other numbers of steps lie between the levels, evenly in log sigma. Any other model than SDXL has the levels of SD 1.5.
 * Source: Sabour et al. 2024, "Align Your Steps"; A1111 and Forge, `get_align_your_steps_sigmas`
 */
export const alignYourSteps: SigmaSchedule = {
  name: 'align_your_steps',
  label: 'Align Your Steps',
  aliases: ['ays'],
  sigmas: (steps, { isSdxl }) => {
    const logs = (isSdxl ? SDXL : SD1).map(Math.log)
    return [...evenly(0, logs.length - 1, steps).map((position) => Math.exp(between(logs, position))), 0]
  },
}

function between(values: readonly number[], position: number): number {
  const low = Math.min(Math.floor(position), values.length - 2)
  return values[low]! + (position - low) * (values[low + 1]! - values[low]!)
}
