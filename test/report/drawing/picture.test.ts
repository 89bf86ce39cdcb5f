import { describe, expect, it } from 'vitest'
import { CAPITAL_HEIGHT, glyphOf, layOut, textWidth } from '../../../src/report/drawing/font.ts'
import { type DrawnShape, type Label, type Picture, rectangle } from '../../../src/report/drawing/picture.ts'
import { paint } from '../../../src/report/drawing/raster.ts'
import { svgText } from '../../../src/report/drawing/svg.ts'

function picture(width: number, height: number, shapes: DrawnShape[]): Picture {
  return { width, height, background: '#ffffff', shapes }
}

function label(text: string, more: Partial<Label> = {}): Label {
  return { kind: 'label', text, x: 0, y: 7, anchor: 'start', size: 7, fill: '#000000', ...more }
}

/** Rows of a painted picture: a letter for each colour. */
function drawn(image: Picture, scale: number, colours: Record<string, string>): string[] {
  const { width, height, data } = paint(image, scale)
  return Array.from({ length: height }, (_, y) => {
    return Array.from({ length: width }, (_, x) => {
      const pixel = Buffer.from(data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)).toString('hex')
      return colours[pixel] ?? '?'
    }).join('')
  })
}

const COLOURS = { ffffff: '.', '000000': '#', ff0000: 'r' }

describe('painting', () => {
  it('fills rectangles and cuts off what is outside', () => {
    const shapes = [rectangle([1, 1], [2, 1], '#ff0000'), rectangle([3, -5], [9, 6], '#000000')]
    expect(drawn(picture(4, 3, shapes), 1, COLOURS)).toEqual(['...#', '.rr.', '....'])
    expect(drawn(picture(4, 3, shapes), 2, COLOURS)[3]).toBe('..rrrr..')
  })

  it('writes letters in dots', () => {
    expect(drawn(picture(9, 9, [label('Lp')]), 1, COLOURS)).toEqual([
      '#........',
      '#........',
      '#.....###',
      '#.....#..',
      '#.....#..',
      '#.....##.',
      '#####.#.#',
      '......#..',
      '......#..',
    ])
  })

  it('makes dots larger with the size and the scale', () => {
    const twice = drawn(picture(10, 7, [label('L')]), 2, COLOURS)
    expect(twice[0]).toBe(`##${'.'.repeat(18)}`)
    expect(twice[13]).toBe(`${'#'.repeat(10)}${'.'.repeat(10)}`)
    expect(drawn(picture(10, 14, [label('L', { size: 14, y: 14 })]), 1, COLOURS)[13]).toBe('#'.repeat(10))
  })

  it('puts text left of, around or right of its place', () => {
    const row = (anchor: Label['anchor']) =>
      drawn(picture(13, 7, [label('-', { x: 6, anchor })]), 1, COLOURS)[3]!
    expect([row('start'), row('end')]).toEqual(['......###....', '...###.......'])
    expect(row('middle')).toMatch(/^\.{4,5}###\.{5,6}$/)
  })
})

describe('the font', () => {
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))

  it('has every printable character of ASCII, each different', () => {
    const shapes = printable.map((letter) => JSON.stringify(glyphOf(letter)))
    expect(new Set(shapes).size).toBe(printable.length)
    for (const letter of printable) expect(glyphOf(letter).width, letter).toBeGreaterThan(0)
  })

  it('draws digits, capitals and small letters on the line', () => {
    for (const letter of printable.filter((c) => /[A-Zabcdefhiklmnorstuvwxz0-9]/.test(c))) {
      const { rows } = glyphOf(letter)
      expect(rows.length, letter).toBe(CAPITAL_HEIGHT)
      expect(rows.at(-1)!.some(Boolean), letter).toBe(true)
    }
  })

  it('has a question mark for what it does not have, also for names of object members', () => {
    expect(glyphOf('字')).toEqual(glyphOf('?'))
    expect(layOut('constructor').letters.length).toBe(11)
    expect(glyphOf('constructor')).toEqual(glyphOf('?'))
  })

  it('measures text', () => {
    expect(textWidth('', 7)).toBe(0)
    // 5 dots each, and a gap of one
    expect(layOut('LL').width).toBe(11)
    expect(textWidth('LL', 14)).toBe(22)
  })
})

describe('SVG', () => {
  it('is a document of its own', () => {
    const shapes = [rectangle([1, 2], [3.144444, 4], '#ff0000'), label('hi', { bold: true, anchor: 'end' })]
    expect(
      svgText(picture(10, 20, shapes))
        .split('\n')
        .slice(1),
    ).toEqual([
      '<rect width="10" height="20" fill="#ffffff"/>',
      '<rect x="1" y="2" width="3.14" height="4" fill="#ff0000"/>',
      '<text x="0" y="7" font-size="9.8" text-anchor="end" fill="#000000" font-weight="600">hi</text>',
      '</svg>',
      '',
    ])
  })

  it('takes any name of a file as text', () => {
    const svg = svgText(picture(1, 1, [label('</text><script>&\u0000\u001b[31m\ud800\uffff.ckpt')]))
    expect(svg).toContain('>&lt;/text&gt;&lt;script&gt;&amp;[31m.ckpt</text>')
  })
})
