import type { Io } from './io.ts'
import { formatBytes, formatDuration } from './text.ts'

export interface Progress {
  update(doneBytes: number, totalBytes: number): void
  /** Clears the line. */
  end(): void
}

const REDRAW_MS = 100
/** Where nobody sees a line redrawn (a log file), one line now and then is enough. */
const LOG_MS = 10_000
/** Shorter work needs no progress. */
const QUIET_START_MS = 500
const CLEAR_LINE = '\r\u001b[K'

/** How amounts are said. */
interface Unit {
  readonly amount: (amount: number) => string
  readonly rate: (perSecond: number) => string
}

const BYTES: Unit = { amount: formatBytes, rate: (speed) => `, ${formatBytes(speed)}/s` }

/** Things that are counted: `137 of 1000`. */
export const COUNT: Unit = { amount: String, rate: () => '' }

/** Progress of one file on stderr: a line that redraws itself on a terminal, a line every 10 s in a log. */
export function startProgress(label: string, io: Io, quiet: boolean, unit: Unit = BYTES): Progress {
  const { stderr } = io
  const start = io.now().getTime()
  const terminal = stderr.isTTY === true
  let shown = terminal ? start + QUIET_START_MS - REDRAW_MS : start
  let drawn = false
  return {
    update(done, total) {
      const now = io.now().getTime()
      if (quiet || now - shown < (terminal ? REDRAW_MS : LOG_MS)) return
      shown = now
      drawn = true
      const line = progressLine(label, unit, { done, total, seconds: (now - start) / 1000 })
      stderr.write(terminal ? CLEAR_LINE + line.slice(0, (stderr.columns ?? 80) - 1) : `${line}\n`)
    },
    end() {
      if (drawn && terminal) stderr.write(CLEAR_LINE)
    },
  }
}

interface State {
  readonly done: number
  readonly total: number
  readonly seconds: number
}

function progressLine(label: string, unit: Unit, { done, total, seconds }: State): string {
  const percent = total > 0 ? Math.floor((100 * done) / total) : 100
  const speed = seconds > 0 ? done / seconds : 0
  const left = speed > 0 ? `, ${formatDuration((total - done) / speed)} left` : ''
  return `${label}  ${percent} %  ${unit.amount(done)} of ${unit.amount(total)}${unit.rate(speed)}${left}`
}
