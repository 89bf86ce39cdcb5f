import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'
import type { Sampler } from './sampler.ts'
import { findSampler, folded } from './samplers/registry.ts'
import { SCHEDULES } from './schedules/registry.ts'
import type { SigmaSchedule } from './schedules/schedule.ts'

export interface NamedSampling {
  readonly sampler: Sampler
  readonly schedule?: SigmaSchedule
}

/**
 * A sampler by one of its names, behind which a schedule may stand: `DPM++ 2M Karras`, as A1111 had one in every
 * picture before it told the two apart (1.9).
 * Source: A1111, modules/sd_samplers.py, `get_sampler_and_scheduler`
 */
export function findSampling(name: string): NamedSampling | undefined {
  const sampler = findSampler(name)
  if (sampler) return { sampler }
  const whole = folded(name)
  for (const schedule of SCHEDULES) {
    for (const ending of [schedule.name, schedule.label, ...schedule.aliases].map(folded)) {
      const before = whole.endsWith(ending) && findSampler(whole.slice(0, -ending.length))
      if (before) return { sampler: before, schedule }
    }
  }
  return undefined
}

/** A1111's word for the schedule of the sampler. */
export function isAutomatic(schedule: string): boolean {
  return folded(schedule) === 'automatic'
}

/** @throws USAGE (exit 2) for a schedule that is another than that in the name of the sampler */
export function withSchedule(named: NamedSampling, schedule: SigmaSchedule | undefined): NamedSampling {
  if (schedule === undefined) return named
  const { sampler, schedule: inName = schedule } = named
  if (inName === schedule) return { sampler, schedule }
  throw usage(messages.twoSchedules(sampler.label, inName.label, schedule.label), messages.oneSchedule)
}
