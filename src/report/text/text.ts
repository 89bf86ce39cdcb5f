import { styleText } from 'node:util'
import type { TextStream } from '../../system/world.ts'
import { messages } from '../messages.ts'
import { lineWidth } from './wrap.ts'

const BYTE_UNITS = ['kB', 'MB', 'GB', 'TB'] as const

/** "4.27 GB", decimal, as the sites that host models count. */
export function formatBytes(bytes: number): string {
  // a rate may be a fraction
  if (bytes < 999.5) return messages.bytes(Math.round(bytes))
  let unit = 0
  let value = bytes / 1000
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toPrecision(3)} ${BYTE_UNITS[unit]}`
}

/** "859.5 M" parameters. */
export function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} B`
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} M`
  if (count >= 1e5) return `${(count / 1e3).toFixed(1)} K`
  return String(count)
}

/** "1:05", "2:03:09". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(whole / 3600)
  const m = Math.floor((whole % 3600) / 60)
  return h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`
}

export type Style = Parameters<typeof styleText>[0]

/** How text looks where it goes: colours it, and knows how long a line may be. */
export interface Paint {
  (style: Style, text: string): string
  /** Columns of the terminal; infinite for a file or a program. */
  readonly width: number
}

/** Colours text where a person looks at a terminal and has not asked for none (https://no-color.org). */
export function painter(stream: TextStream, env: Readonly<Record<string, string | undefined>>): Paint {
  const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const paint = (style: Style, text: string) => (colour ? styleText(style, text) : text)
  return Object.assign(paint, { width: lineWidth(stream) })
}
