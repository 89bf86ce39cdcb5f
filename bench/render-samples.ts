/** What bench/render.ts measures of one network in one program, and how it is printed. */
import type { Peak } from './processes.ts'

export interface Sample {
  /** Seconds from the call until the first result is there: the network is loaded and has run once. */
  readonly first: number
  /** Of one CFG step, or of one picture: the median of those that follow. */
  readonly step: number
  /** The quickest of them: the one that others on the machine disturbed least. */
  readonly best: number
  /** Processor seconds of a later step, on average: what a machine that others use, too, changes less. */
  readonly busy?: number
  readonly peak: Peak
}

export type Subject = 'text' | 'UNet, CFG' | 'VAE decoder'

export interface Measured {
  readonly program: string
  readonly subject: Subject
  /** Undefined if it failed, and what it said. */
  readonly sample?: Sample
  readonly said?: string
}

/** One line for each program, and beside it how often ours fits into its step and its peak. */
export function samplesTable(all: readonly Measured[], own: string): string {
  return all
    .map((measured) => {
      const { program, subject, sample, said } = measured
      const name = `${program} ${subject}`.padEnd(34)
      if (sample === undefined) return `${name} failed: ${said}`
      const base = all.find((one) => one.program === own && one.subject === subject)?.sample
      return [name, ...figures(sample), ...(base && base !== sample ? ratios(sample, base) : [])].join('   ')
    })
    .join('\n')
}

function figures({ first, step, best, busy, peak }: Sample): string[] {
  return [
    `first ${first.toFixed(1)} s (load ${(first - step).toFixed(1)})`,
    `step ${step.toFixed(2)} s (best ${best.toFixed(2)})`,
    ...(busy === undefined ? [] : [`processor ${busy.toFixed(2)} s`]),
    `peak ${peak.largestGigabytes.toFixed(2)} GB (with its parent ${peak.sumGigabytes.toFixed(2)})`,
  ]
}

function ratios(sample: Sample, base: Sample): string[] {
  const times = (a: number, b: number) => `${(a / b).toFixed(2)}x`
  return [
    `step ${times(sample.step, base.step)} (best ${times(sample.best, base.best)})`,
    ...(sample.busy === undefined || base.busy === undefined
      ? []
      : [`processor ${times(sample.busy, base.busy)}`]),
    `peak ${times(sample.peak.sumGigabytes, base.peak.sumGigabytes)}`,
  ]
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}
