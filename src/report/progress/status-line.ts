import type { World } from '../../system/world.ts'
import { lineWidth } from '../text/wrap.ts'

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

export function statusLine(world: World, quiet: boolean, { redrawMs, startMs }: StatusLineTimes): StatusLine {
  const { stderr } = world
  const terminal = stderr.isTTY === true
  let due = world.now().getTime() + (terminal ? startMs : LOG_MS)
  let drawn = false
  return {
    show(text) {
      const now = world.now().getTime()
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
