import type { painter } from '../report/text.ts'
import { formatBytes } from '../report/text.ts'
import type { Finding } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'

export type Paint = ReturnType<typeof painter>

const MARKS = { error: ['red', 'x'], warning: ['yellow', '!'], info: ['cyan', '-'] } as const

/** A line for each finding: how bad, what, and the bytes it costs or saves. */
export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  return findings.map(({ severity, message, bytes }) => {
    const [style, mark] = MARKS[severity]
    return `  ${paint(style, mark)} ${printable(message, 1000)}${bytes ? ` [${formatBytes(bytes)}]` : ''}`
  })
}
