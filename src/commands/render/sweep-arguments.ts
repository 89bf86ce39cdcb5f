/** What `--sweep` may say: `style=0..1:0.25`, `cfg=3,5,7`. */
import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

export interface SweepAxis {
  /** As it was written: a LoRA, or the word for a setting. */
  readonly name: string
  readonly values: readonly number[]
}

/** Without folders and ending. */
export function axisTitle({ name }: SweepAxis): string {
  return stemOf(basename(name))
}

/** A sheet of more would be too wide to look at, and take hours to draw. */
const MAX_VALUES = 32

const RE_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** Columns first, then rows. @throws USAGE (exit 2) */
export function sweepAxes(args: readonly string[]): SweepAxis[] {
  if (args.length > 2) {
    throw usage(messages.sweepTimes(args.length), messages.columnsAndRows)
  }
  const axes = args.map(sweepAxis)
  if (axes.length === 2 && axes[0]!.name === axes[1]!.name) {
    throw usage(messages.sweepTwice(axes[0]!.name), messages.differentThings)
  }
  return axes
}

function sweepAxis(arg: string): SweepAxis {
  const at = arg.lastIndexOf('=')
  const [name, text] = [arg.slice(0, Math.max(0, at)), arg.slice(at + 1)]
  if (name === '' || text === '') throw noSweep(arg)
  const range = /^(.+?)\.\.(.+?)(?::(.+))?$/.exec(text)
  const values = range
    ? rangeValues(arg, range[1]!, range[2]!, range[3])
    : text.split(',').map((part) => number(part, arg))
  if (values.length > MAX_VALUES) {
    throw usage(messages.tooManyValues(arg, values.length, MAX_VALUES), messages.largerStep)
  }
  if (new Set(values).size < values.length) throw usage(messages.valueTwice(arg))
  return { name, values }
}

/** Steps of a range where none is given. */
const DEFAULT_STEPS = 4

/** Both ends are in it, if the step leads there. */
function rangeValues(arg: string, from: string, to: string, by: string | undefined): number[] {
  const [first, last] = [number(from, arg), number(to, arg)]
  const step = by === undefined ? Math.abs(last - first) / DEFAULT_STEPS : Math.abs(number(by, arg))
  if (step === 0 || first === last) throw usage(messages.emptyRange(arg))
  const count = Math.floor(Math.abs(last - first) / step + 1e-9) + 1
  if (count > MAX_VALUES) {
    throw usage(messages.tooManyValues(arg, count, MAX_VALUES), messages.largerStep)
  }
  const sign = Math.sign(last - first)
  // 0.1 + 0.2 is not 0.3
  return Array.from({ length: count }, (_, i) => Number((first + sign * i * step).toPrecision(12)))
}

function number(text: string, arg: string): number {
  if (!RE_NUMBER.test(text.trim())) throw usage(messages.notANumber(arg, text), messages.sweepExample)
  return Number(text)
}

function noSweep(arg: string): Error {
  return usage(messages.sweepForm(arg), messages.sweepExample)
}
