import { describe, expect, it } from 'vitest'
import { formatTable } from '../../../src/report/text/table.ts'
import { displayWidth, hanging, lineWidth } from '../../../src/report/text/wrap.ts'

const write = () => true

describe('long text', () => {
  const text = 'the weights are there twice, live and as EMA copy'

  it('goes on under its beginning on a terminal', () => {
    expect(`  - ${hanging(text, 34, 4)}`).toBe(
      ['  - the weights are there twice,', '    live and as EMA copy'].join('\n'),
    )
  })

  it('fills a line to the last column', () => {
    expect(hanging('123456789 123456789 1234 x', 24, 0)).toBe('123456789 123456789 1234\nx')
    expect(hanging('123456789 123456789 12345 x', 24, 0)).toBe('123456789 123456789\n12345 x')
  })

  it('stays one line where nobody looks at a terminal, and on one too narrow for it', () => {
    expect(hanging(text, Number.POSITIVE_INFINITY, 4)).toBe(text)
    expect(hanging(text, 19, 4)).toBe(text)
  })

  it('keeps words whole that are longer than a line: keys and paths are there to be copied', () => {
    const key = 'model.diffusion_model.input_blocks.1.0.in_layers.0.weight'
    expect(hanging(`the key ${key} is missing`, 30, 0)).toBe(`the key\n${key}\nis missing`)
  })
})

it('a terminal that does not tell its width has 80 columns', () => {
  expect(lineWidth({ write, isTTY: true, columns: 100 })).toBe(100)
  expect(lineWidth({ write, isTTY: true })).toBe(80)
  // a terminal that was never told its size
  expect(lineWidth({ write, isTTY: true, columns: 0 })).toBe(80)
  expect(lineWidth({ write, columns: 100 })).toBe(Number.POSITIVE_INFINITY)
})

it.each([
  ['abc', 3],
  ['', 0],
  ['日本語', 6],
  ['한글 x', 6],
  ['é', 1],
])('%j takes %i columns', (text, width) => {
  expect(displayWidth(text)).toBe(width)
})

describe('a table', () => {
  const columns = [{ head: 'name' }, { head: 'why' }]
  const rows = [
    ['UNet', 'the EMA values take their place, as fp16'],
    ['VAE', 'as it is'],
  ]

  it('breaks its last column to fit a terminal', () => {
    expect(formatTable(columns, rows, 36).split('\n')).toEqual([
      '  name  why',
      '  UNet  the EMA values take their',
      '        place, as fp16',
      '  VAE   as it is',
    ])
    expect(formatTable(columns, rows).split('\n')).toHaveLength(3)
  })
})
