import { formatBytes, type Paint } from '../../report/text/text.ts'
import { hanging } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { Finding } from '../../tensor/values/table.ts'

export type { Paint } from '../../report/text/text.ts'

const MARKS = { error: ['red', 'x'], warning: ['yellow', '!'], info: ['cyan', '-'] } as const

/** Columns of the mark and the spaces around it. */
const INDENT = 4

/**
 * A line for each finding, or several on a narrow terminal: how bad, what, and the bytes it costs or saves.
 * @param margin columns that are put before the lines later
 */
export function findingLines(findings: readonly Finding[], paint: Paint, margin = 0): string[] {
  return findings.map(({ severity, message, bytes }) => {
    const [style, mark] = MARKS[severity]
    const text = `${printable(message, 1000)}${bytes ? ` [${formatBytes(bytes)}]` : ''}`
    return `  ${paint(style, mark)} ${hanging(text, paint.width - margin, INDENT)}`
  })
}
