import type { NoiseSchedule } from '../noise-schedule.ts'
import type { ScheduleName } from '../sampler.ts'

/** How the noise levels of the steps lie between the highest and the lowest of a model. */
export interface SigmaSchedule {
  readonly name: ScheduleName
  /** As A1111 calls it in the parameters of a picture. */
  readonly label: string
  readonly aliases: readonly string[]
  /** @returns falling noise levels, one more than there are steps, the last usually 0 */
  sigmas(steps: number, schedule: NoiseSchedule): number[]
}

/** `count` numbers from `first` to `last`; the first alone if there is room for one. */
export function evenly(first: number, last: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + (count > 1 ? (i / (count - 1)) * (last - first) : 0))
}
