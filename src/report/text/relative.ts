/** Relative changes as text: 0.0137 is 1.37 %. */
import { messages } from '../messages.ts'

/** Three digits of a percentage; `infinite` where there was nothing before. */
export function formatRelative(change: number): string {
  if (change === 0) return '0'
  return Number.isFinite(change) ? `${Number((100 * change).toPrecision(3))} %` : messages.infiniteChange
}

/** Two digits of a percentage without its sign, in the room of five characters: `120`, `12`, `1.2`, `.12`, `<.01`. */
export function shortPercent(change: number): string {
  const percent = 100 * change
  if (!Number.isFinite(percent) || percent >= 9999.5) return '>9999'
  if (percent >= 9.95) return percent.toFixed(0)
  if (percent >= 0.995) return percent.toFixed(1)
  return percent >= 0.00995 ? percent.toFixed(2).slice(1) : '<.01'
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A bar of at most `width` characters, for a share of 0 to 1; what is not 0 can be seen. */
export function bar(share: number, width: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(Math.min(1, share) * width * 8)) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!
}
