import { escaped } from '../../system/errors.ts'
import type { Progress, ProgressUnit, World } from '../../system/world.ts'
import { messages } from '../messages.ts'
import { formatBytes, formatDuration } from '../text/text.ts'
import { statusLine } from './status-line.ts'

const TIMES = { redrawMs: 100, startMs: 500 } as const

/** How amounts are said. */
interface Unit {
  readonly amount: (amount: number) => string
  readonly rate: (perSecond: number) => string
}

const UNITS: Readonly<Record<ProgressUnit, Unit>> = {
  bytes: { amount: formatBytes, rate: (speed) => `, ${formatBytes(speed)}/s` },
  // `137 of 1000`
  count: { amount: String, rate: () => '' },
}

/** The same world, in which work shows on stderr how far it is, unless that is to be quiet. */
export function showingProgress<W extends World>(world: W, quiet: boolean): W {
  return quiet ? world : { ...world, progress: (label, unit) => progressLine(label, world, { unit }) }
}

interface ProgressOptions {
  readonly unit?: ProgressUnit
  /** The first report says what was there before, which has no share in the speed. */
  readonly resumes?: boolean
  readonly quiet?: boolean
}

/** Progress of one file on stderr: a line that redraws itself on a terminal, a line every 10 s in a log. */
export function progressLine(
  label: string,
  world: World,
  { unit: unitName = 'bytes', resumes = false, quiet = false }: ProgressOptions = {},
): Progress {
  const unit = UNITS[unitName]
  const start = world.now().getTime()
  const line = statusLine(world, quiet, TIMES)
  let inherited = resumes ? undefined : 0
  return {
    update(done, total) {
      inherited ??= done
      const came = done - inherited
      line.show(() =>
        progressText(escaped(label), unit, {
          done,
          came,
          total,
          seconds: (world.now().getTime() - start) / 1000,
        }),
      )
    },
    end: line.end,
  }
}

interface State {
  readonly done: number
  /** Of it, in this run. */
  readonly came: number
  /** 0 if nobody knows. */
  readonly total: number
  readonly seconds: number
}

function progressText(label: string, unit: Unit, { done, came, total, seconds }: State): string {
  const speed = seconds > 0 ? came / seconds : 0
  if (total <= 0) return `${label}  ${unit.amount(done)}${unit.rate(speed)}`
  const percent = Math.floor((100 * done) / total)
  const left = speed > 0 ? `, ${messages.timeLeft(formatDuration((total - done) / speed))}` : ''
  const amount = messages.amountOf(unit.amount(done), unit.amount(total))
  return `${label}  ${percent} %  ${amount}${unit.rate(speed)}${left}`
}
