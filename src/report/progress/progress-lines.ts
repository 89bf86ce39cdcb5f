import { escaped } from '../../system/errors.ts'
import type { Progress, World } from '../../system/world.ts'
import { messages } from '../messages.ts'
import { formatBytes, formatDuration } from '../text/text.ts'
import { lineWidth } from '../text/wrap.ts'
import { progressLine } from './progress.ts'

/** Several things under way, a line for each. */
export interface ProgressLines {
  start(label: string): Progress
  /** Prints a line that stays, above those that move. */
  print(line: string): void
}

const REDRAW_MS = 100
const CLEAR_TO_END = '\u001b[J'
const MAX_LABEL = 40

interface Line {
  readonly label: string
  readonly start: number
  /** Bytes that were there at the first report: not of this run, so not part of its speed. */
  inherited: number | undefined
  done: number
  total: number
}

/** On a terminal a block of lines that redraws itself; elsewhere each speaks for itself, now and then. */
export function progressLines(world: World, quiet: boolean): ProgressLines {
  const { stderr } = world
  if (quiet || stderr.isTTY !== true) {
    return {
      start: (label) => progressLine(label, world, { resumes: true, quiet }),
      print: (line) => stderr.write(`${line}\n`),
    }
  }
  const lines = new Set<Line>()
  let drawn = 0
  let shown = 0
  const clear = (): string => (drawn === 0 ? '' : `\r\u001b[${drawn}A${CLEAR_TO_END}`)
  const draw = (): void => {
    const width = lineWidth(stderr) - 1
    const now = world.now().getTime()
    const text = [...lines].map((line) => `${lineText(line, now).slice(0, width)}\n`).join('')
    stderr.write(clear() + text)
    drawn = lines.size
  }
  return {
    start(label) {
      const line: Line = {
        label: escaped(label),
        start: world.now().getTime(),
        inherited: undefined,
        done: 0,
        total: 0,
      }
      lines.add(line)
      return {
        update(done, total) {
          line.inherited ??= done
          line.done = done
          line.total = total
          const now = world.now().getTime()
          if (now - shown < REDRAW_MS) return
          shown = now
          draw()
        },
        end() {
          lines.delete(line)
          if (drawn > 0) draw()
        },
      }
    },
    print(line) {
      stderr.write(`${clear()}${line}\n`)
      drawn = 0
      if (lines.size > 0) draw()
    },
  }
}

function lineText({ label, start, inherited = 0, done, total }: Line, now: number): string {
  const name = label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 3)}...` : label
  const speed = ((done - inherited) * 1000) / Math.max(1, now - start)
  const left =
    speed > 0 && total > done ? `, ${messages.timeLeft(formatDuration((total - done) / speed))}` : ''
  const percent = total > 0 ? `${Math.floor((100 * done) / total)} %`.padStart(5) : ''
  const amount = total > 0 ? messages.amountOf(formatBytes(done), formatBytes(total)) : formatBytes(done)
  return `${name.padEnd(24)} ${percent}  ${amount}, ${formatBytes(speed)}/s${left}`
}
