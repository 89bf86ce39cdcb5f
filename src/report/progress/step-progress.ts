import type { World } from '../../system/world.ts'
import { messages } from '../messages.ts'
import { formatDuration } from '../text/text.ts'
import { statusLine } from './status-line.ts'

/** Progress of work in steps that may take seconds each, with what is being loaded before. */
export interface StepProgressLine {
  /** Something that has no steps: "loading the UNet". */
  stage(text: string): void
  /** @param done steps that are done, of `total`; the time since the first gives the time left */
  step(done: number, total: number, label: string): void
  /** Clears the line. */
  end(): void
}

/** Loading and steps take long: each is shown at once. */
const TIMES = { redrawMs: 0, startMs: 0 } as const

export function startStepProgress(world: World, quiet: boolean): StepProgressLine {
  const line = statusLine(world, quiet, TIMES)
  let begin = 0
  return {
    stage: (text) => line.show(() => text),
    step(done, total, label) {
      const now = world.now().getTime()
      if (done === 0) begin = now
      const rate = done === 0 ? '' : rateText((now - begin) / 1000, done, total)
      line.show(() => `${label}  ${messages.stepOf(done, total)}${rate}`)
    },
    end: line.end,
  }
}

function rateText(seconds: number, done: number, total: number): string {
  const each = seconds / done
  const parts = [
    messages.secondsPerStep(each.toFixed(each < 10 ? 2 : 0)),
    messages.timeLeft(formatDuration(each * (total - done))),
  ]
  return `, ${parts.join(', ')}`
}
