import { catalogue } from '../../system/language.ts'

/** What is said of samplers and schedules. */
export const messages = catalogue({
  twoSchedules: (sampler: string, inName: string, schedule: string) =>
    `sampler ${sampler} has the schedule ${inName} in its name, and the schedule ${schedule} was given, too`,
  oneSchedule: 'Give one of them.',
})
