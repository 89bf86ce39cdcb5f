import type { Io } from './io.ts'
import { formatDuration } from './text.ts'

/** Progress of work in steps that may take seconds each, with what is being loaded before. */
export interface StepProgressLine {
  /** Something that has no steps: "loading the UNet". */
  stage(text: string): void
  /** @param done steps that are done, of `total`; the time between the first and this one tells the rest */
  step(done: number, total: number, label: string): void
  /** Clears the line. */
  end(): void
}

const LOG_MS = 10_000
const CLEAR_LINE = '\r\u001b[K'

/** On a terminal one line that is redrawn; in a log a line every 10 s. */
export function startStepProgress(io: Io, quiet: boolean): StepProgressLine {
  const { stderr } = io
  const terminal = stderr.isTTY === true
  let [shown, drawn, begin] = [io.now().getTime(), false, 0]
  const show = (line: string): void => {
    const now = io.now().getTime()
    if (quiet || (!terminal && now - shown < LOG_MS)) return
    shown = now
    drawn = true
    stderr.write(terminal ? CLEAR_LINE + line.slice(0, (stderr.columns ?? 80) - 1) : `${line}\n`)
  }
  return {
    stage: show,
    step(done, total, label) {
      if (done === 0) begin = io.now().getTime()
      const seconds = (io.now().getTime() - begin) / 1000
      show(`${label}  step ${done} of ${total}${done === 0 ? '' : rate(seconds, done, total)}`)
    },
    end() {
      if (drawn && terminal) stderr.write(CLEAR_LINE)
    },
  }
}

function rate(seconds: number, done: number, total: number): string {
  const each = seconds / done
  return `, ${each.toFixed(each < 10 ? 2 : 0)} s a step, ${formatDuration(each * (total - done))} left`
}
