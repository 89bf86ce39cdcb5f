import { describe, expect, it } from 'vitest'
import { progressLine } from '../../../src/report/progress/progress.ts'
import { progressLines } from '../../../src/report/progress/progress-lines.ts'
import { formatBytes } from '../../../src/report/text/text.ts'

/** Runs progress over reports of [seconds, done, total], and gives what a log shows. */
function logOf(
  start: 'plain' | 'counted' | 'lines' | 'terminal',
  reports: readonly (readonly [number, number, number])[],
): string {
  let text = ''
  let time = 0
  const stderr = { write: (part: string) => (text += part), isTTY: start === 'terminal', columns: 200 }
  const world = {
    stdout: { write: () => {} },
    stderr,
    env: {},
    now: () => new Date(time),
    threads: 0,
    signal: new AbortController().signal,
    version: '9.9.9',
  }
  const isLines = start === 'lines' || start === 'terminal'
  const progress = isLines
    ? progressLines(world, false).start('file')
    : progressLine('file', world, start === 'counted' ? { unit: 'count' } : {})
  for (const [seconds, done, total] of reports) {
    time = seconds * 1000
    progress.update(done, total)
  }
  return text
}

describe('progress', () => {
  it.each([
    ['plain', 'file  10 %  100 bytes of 1.00 kB, 3 bytes/s, 4:30 left\n'],
    ['counted', 'file  10 %  100 of 1000, 4:30 left\n'],
    ['lines', 'file  10 %  100 bytes of 1.00 kB, 3 bytes/s, 4:30 left\n'],
    ['terminal', '10 %  100 bytes of 1.00 kB, 3 bytes/s, 4:30 left\n'],
  ] as const)('%s: says a rate as whole bytes', (start, expected) => {
    const text = logOf(start, [
      [0, 0, 1000],
      [30, 100, 1000],
    ])
    expect(text.slice(-expected.length)).toBe(expected)
  })

  it.each([
    ['lines', '9.00 MB of 10.0 MB, 33.3 kB/s, 0:30 left\n'],
    ['terminal', '9.00 MB of 10.0 MB, 33.3 kB/s, 0:30 left\n'],
  ] as const)('%s: does not count what an earlier run left as speed', (start, expected) => {
    const text = logOf(start, [
      [0, 8_000_000, 10_000_000],
      [30, 9_000_000, 10_000_000],
    ])
    expect(text.slice(-expected.length)).toBe(expected)
  })

  it.each([
    ['plain', 'file  600 bytes, 20 bytes/s\n'],
    ['lines', 'file  600 bytes, 20 bytes/s\n'],
    ['terminal', '600 bytes, 20 bytes/s\n'],
  ] as const)('%s: does not claim to know how much is missing', (start, expected) => {
    const text = logOf(start, [
      [0, 0, 0],
      [30, 600, 0],
    ])
    expect(text.slice(-expected.length)).toBe(expected)
  })
})

it.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1.4, '1 byte'],
  [123.456789, '123 bytes'],
  [999.4999, '999 bytes'],
  [999.5, '1.00 kB'],
  [1234.5678, '1.23 kB'],
  [4_265_000_000, '4.26 GB'],
])('%d bytes are %j', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
