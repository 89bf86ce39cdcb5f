import type { Io } from '../system/world.ts'
import { lineWidth } from './wrap.ts'

/** A line on stderr that is redrawn on a terminal, and written now and then in a log. */
export interface StatusLine {
  /** @param text made only when it is time to show it */
  show(text: () => string): void
  /** Clears the line. */
  end(): void
}

export interface StatusLineTimes {
  /** Between two drawings on a terminal. */
  readonly redrawMs: number
  /** Before the first one: shorter work needs no progress. */
  readonly startMs: number
}

/** Where nobody sees a line redrawn (a log file), one line now and then is enough. */
const LOG_MS = 10_000
const CLEAR_LINE = '\r\u001b[K'

export function statusLine(io: Io, quiet: boolean, { redrawMs, startMs }: StatusLineTimes): StatusLine {
  const { stderr } = io
  const terminal = stderr.isTTY === true
  let due = io.now().getTime() + (terminal ? startMs : LOG_MS)
  let drawn = false
  return {
    show(text) {
      const now = io.now().getTime()
      if (quiet || now < due) return
      due = now + (terminal ? redrawMs : LOG_MS)
      drawn = true
      const line = text()
      stderr.write(terminal ? CLEAR_LINE + line.slice(0, lineWidth(stderr) - 1) : `${line}\n`)
    },
    end() {
      if (drawn && terminal) stderr.write(CLEAR_LINE)
    },
  }
}
