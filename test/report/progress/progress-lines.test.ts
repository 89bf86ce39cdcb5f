import { describe, expect, it } from 'vitest'
import { progressLines } from '../../../src/report/progress/progress-lines.ts'
import type { World } from '../../../src/system/world.ts'

/** "Cursor up n lines, clear to the end" is `UP`, n, `CLEAR`. */
const UP = '\r\u001b['
const CLEAR = 'A\u001b[J'

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

function terminal(isTTY: boolean) {
  let text = ''
  let time = 0
  const world = {
    stdout: { write: () => {} },
    stderr: { write: (piece: string) => (text += piece), isTTY, columns: 80 },
    env: {},
    now: () => new Date(time),
    threads: 0,
    signal: new AbortController().signal,
    version: '1',
  } satisfies World
  return {
    world,
    pass: (milliseconds: number) => {
      time += milliseconds
    },
    /** What a terminal shows after all that was written: cursor up n lines and clear to the end. */
    screen: () => {
      const [first, ...redrawn] = text.split(UP)
      const lines = linesOf(first!)
      for (const piece of redrawn) {
        const [up, drawn] = piece.split(CLEAR)
        lines.length -= Number(up)
        lines.push(...linesOf(drawn!))
      }
      return lines
    },
    text: () => text,
  }
}

describe('progress of several things', () => {
  it('has a line each, which go away when they end, under the lines that stay', () => {
    const { world, pass, screen } = terminal(true)
    const lines = progressLines(world, false)
    const one = lines.start('one.safetensors')
    const two = lines.start('two.safetensors')
    pass(1000)
    one.update(50e6, 100e6)
    pass(1000)
    two.update(0, 10e6)
    expect(screen()).toEqual([
      'one.safetensors           50 %  50.0 MB of 100 MB, 0 bytes/s',
      'two.safetensors            0 %  0 bytes of 10.0 MB, 0 bytes/s',
    ])
    pass(3000)
    one.update(75e6, 100e6)
    // 25 MB in the 5 s since it began; 50 MB were there before
    expect(screen()[0]).toBe('one.safetensors           75 %  75.0 MB of 100 MB, 5.00 MB/s, 0:05 left')
    lines.print('wrote three')
    one.end()
    expect(screen()).toEqual(['wrote three', 'two.safetensors            0 %  0 bytes of 10.0 MB, 0 bytes/s'])
    two.end()
    expect(screen()).toEqual(['wrote three'])
  })

  it('says nothing that moves into a log, or if nothing is wanted', () => {
    for (const [isTTY, quiet] of [
      [false, false],
      [true, true],
    ] as const) {
      // biome-ignore format: a table
      const { world, pass, text } = terminal(isTTY)
      const line = progressLines(world, quiet).start('x')
      pass(500)
      line.update(1, 2)
      line.end()
      expect(text()).toBe('')
    }
  })
})
