import { describe, expect, it } from 'vitest'
import { colourAt, colourScale } from '../../../src/report/drawing/colour-scale.ts'
import { type HeatPanel, heatMapPicture } from '../../../src/report/drawing/heat-map.ts'
import type { Label, Picture, Rectangle } from '../../../src/report/drawing/picture.ts'
import { bar, formatRelative, shortPercent } from '../../../src/report/text/relative.ts'

describe('colour scale', () => {
  it('spans two powers of ten below the largest change, with round ticks', () => {
    const scale = colourScale([0, 0.3, 0.0001, 0.02])!
    expect(scale.colourOf(0.0031)).not.toBe(colourAt(0))
    expect(scale.colourOf(0.003)).toBe(colourAt(0))
    expect(scale.ticks.map(({ value }) => value)).toEqual([0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
    expect(scale.ticks.map(({ at }) => Number(at.toFixed(3)))).toEqual([
      0.111, 0.261, 0.412, 0.611, 0.761, 0.912,
    ])
    expect(scale.colourOf(0.3)).toBe(colourAt(1))
    expect(scale.colourOf(0.0001)).toBe(colourAt(0))
    expect(scale.colourOf(0.03)).toBe(colourAt(0.5))
  })

  it('has the last colour for what was nothing before', () => {
    expect(colourScale([0.1, Number.POSITIVE_INFINITY])!.colourOf(Number.POSITIVE_INFINITY)).toBe(colourAt(1))
    expect(colourScale([Number.POSITIVE_INFINITY])!.colourOf(Number.POSITIVE_INFINITY)).toBe(colourAt(1))
  })

  it('is none where nothing changed', () => {
    expect(colourScale([0, 0])).toBeUndefined()
    expect(colourScale([])).toBeUndefined()
  })

  it('gets darker all the way', () => {
    const brightness = Array.from({ length: 21 }, (_, i) => {
      const [red, green, blue] = [1, 3, 5].map((at) =>
        Number.parseInt(colourAt(i / 20).slice(at, at + 2), 16),
      )
      return 0.299 * red! + 0.587 * green! + 0.114 * blue!
    })
    expect(brightness).toEqual([...brightness].sort((a, b) => b - a))
    expect(brightness[0]! - brightness[20]!).toBeGreaterThan(200)
  })
})

describe('relative changes in words', () => {
  it.each([
    [0, '0', '<.01'],
    [1e-9, '1e-7 %', '<.01'],
    [0.000123, '0.0123 %', '.01'],
    [0.00994, '0.994 %', '.99'],
    [0.00996, '0.996 %', '1.0'],
    [0.0137, '1.37 %', '1.4'],
    [0.0994, '9.94 %', '9.9'],
    [0.0996, '9.96 %', '10'],
    [1.234, '123 %', '123'],
    [Number.POSITIVE_INFINITY, 'infinite', '>9999'],
  ])('%d is %s, in little room %s', (change, text, short) => {
    expect(formatRelative(change)).toBe(text)
    expect(shortPercent(change)).toBe(short)
    expect(short.length).toBeLessThanOrEqual(5)
  })

  it('bars are as long as the share, and seen if it is not 0', () => {
    expect([bar(0, 8), bar(1e-9, 8), bar(0.5, 8), bar(0.55, 8), bar(1, 8), bar(7, 8)]).toEqual([
      '',
      '▏',
      '████',
      '████▍',
      '████████',
      '████████',
    ])
  })
})

describe('heat map', () => {
  const panel: HeatPanel = {
    title: 'UNet',
    columns: [
      { kind: 'IN', number: '00' },
      { kind: 'IN', number: '01' },
      { kind: 'MID', number: '' },
    ],
    rows: ['attn q', 'conv'],
    cells: [
      [0.1, undefined, 0],
      ['incomparable', 0.001, 0],
    ],
    columnTotals: [0.05, 0.001, 0],
    rowTotals: [0.1, 0.001],
    total: 0.04,
  }
  const picture = heatMapPicture({ title: 'a -> b', subtitle: 'how', panels: [panel] })
  const labels = picture.shapes.filter((shape): shape is Label => shape.kind === 'label')
  const boxes = picture.shapes.filter((shape): shape is Rectangle => shape.kind === 'rectangle')
  const find = (text: string) => labels.find((shape) => shape.text === text)!

  it('names its panels, rows and columns, kinds of blocks once', () => {
    const texts = labels.map(({ text }) => text)
    expect(texts).toEqual(
      expect.arrayContaining(['a -> b', 'how', 'UNet', 'attn q', 'conv', '00', '01', 'MID']),
    )
    expect(texts.filter((text) => text === 'IN')).toHaveLength(1)
  })

  /** The box of the cell where a row and a column meet. */
  function cellAt(row: string, column: string, image: Picture = picture): Rectangle[] {
    const [x, y] = [find(column).x, find(row).y - 3]
    return image.shapes.filter((shape): shape is Rectangle => {
      if (shape.kind !== 'rectangle') return false
      const { x: left, y: top, width, height } = shape
      return left < x && x < left + width && top < y && y < top + height
    })
  }

  it('colours cells by their change, grey without one, hollow without a counterpart, nothing without a layer', () => {
    expect(cellAt('attn q', '00').map(({ fill }) => fill)).toEqual([colourAt(1)])
    expect(cellAt('conv', '01').map(({ fill }) => fill)).toEqual([colourAt(0)])
    expect(cellAt('attn q', 'MID').map(({ fill }) => fill)).toEqual(['#e9edf1'])
    expect(cellAt('conv', '00').map(({ fill }) => fill)).toEqual(['#b4bec8', '#ffffff'])
    expect(cellAt('attn q', '01')).toEqual([])
  })

  it('has the numbers of the totals, and a scale', () => {
    const texts = labels.map(({ text }) => text)
    // columns, everything, rows
    expect(texts.filter((text) => /^[\d.<]+$/.test(text) && !/^0\d$/.test(text))).toEqual([
      '5.0',
      '.10',
      '4.0',
      '10',
      '.10',
    ])
    expect(texts).toEqual(expect.arrayContaining(['0.1%', '1%', '10%', 'no change', 'not comparable']))
  })

  it('keeps everything on the paper', () => {
    for (const { x, y, width, height } of boxes) {
      expect(x).toBeGreaterThanOrEqual(0)
      expect(y).toBeGreaterThanOrEqual(0)
      expect(x + width).toBeLessThanOrEqual(picture.width)
      expect(y + height).toBeLessThanOrEqual(picture.height)
    }
  })

  it('puts panels beside each other where there is room', () => {
    const title = (text: string) => ({ ...panel, title: text })
    const wide = {
      ...panel,
      title: 'wide',
      columns: Array.from({ length: 30 }, (_, i) => ({ kind: 'TE', number: `${i}` })),
    }
    const row = (n: number) => new Array<number>(n).fill(0)
    const map = heatMapPicture({
      title: '',
      subtitle: '',
      panels: [
        { ...wide, cells: [row(30), row(30)], columnTotals: row(30) },
        title('first'),
        title('second'),
      ],
    })
    const placed = (text: string) =>
      map.shapes.find((shape): shape is Label => shape.kind === 'label' && shape.text === text)!
    expect(placed('first').y).toBe(placed('second').y)
    expect(placed('first').y).toBeGreaterThan(placed('wide').y)
    expect(placed('second').x).toBeGreaterThan(placed('first').x)
  })

  it('of files without a change is all grey, without a scale', () => {
    const still: HeatPanel = {
      ...panel,
      cells: [
        [0, undefined, 0],
        [0, 0, 0],
      ],
      columnTotals: [0, 0, 0],
      rowTotals: [0, 0],
      total: 0,
    }
    const map = heatMapPicture({ title: '', subtitle: '', panels: [still] })
    const fills = new Set(map.shapes.flatMap((shape) => (shape.kind === 'rectangle' ? [shape.fill] : [])))
    expect(fills).toEqual(new Set(['#e9edf1', '#b4bec8']))
    const texts = map.shapes.flatMap((shape) => (shape.kind === 'label' ? [shape.text] : []))
    expect(texts).toContain('no change')
    expect(texts).not.toContain('not comparable')
  })
})
