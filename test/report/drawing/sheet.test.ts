import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../src/image/image.ts'
import { textWidth } from '../../../src/report/drawing/font.ts'
import type { Label, Photo } from '../../../src/report/drawing/picture.ts'
import { paint } from '../../../src/report/drawing/raster.ts'
import { type Sheet, sheetPicture, wrapped } from '../../../src/report/drawing/sheet.ts'
import { svgText } from '../../../src/report/drawing/svg.ts'

function plain(width: number, height: number, value: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(value) }
}

const SHEET: Sheet = {
  title: 'a title that is longer than the images of this sheet are wide, by far',
  subtitle: 'Euler, 20 steps',
  heads: ['A', 'a head that needs more than one line over its column'],
  rows: [
    {
      label: 'first',
      cells: [
        { image: plain(300, 200, 10) },
        { image: plain(300, 200, 20), caption: ['30 dB', 'x'], verdict: 'bad' },
      ],
    },
    { label: 'second', cells: [undefined, { image: plain(300, 200, 30) }] },
  ],
  notes: ['differences x 8'],
}

function photos(sheet: Sheet): Photo[] {
  return sheetPicture(sheet).shapes.filter((shape) => shape.kind === 'photo')
}

function labels(sheet: Sheet): Label[] {
  return sheetPicture(sheet).shapes.filter((shape) => shape.kind === 'label')
}

describe('a sheet', () => {
  it('keeps the pixels of its images', () => {
    const picture = sheetPicture(SHEET)
    const { width, data } = paint(picture, 1)
    for (const { x, y, image } of photos(SHEET)) {
      for (let row = 0; row < image.height; row++) {
        const at = ((y + row) * width + x) * 3
        const painted = data.subarray(at, at + image.width * 3)
        expect(painted.every((value) => value === image.data[0])).toBe(true)
      }
    }
  })

  it('has columns, rows, and a gap where there is no image', () => {
    const [a, b, c] = photos(SHEET)
    expect([b!.y, c!.x]).toEqual([a!.y, b!.x])
    expect(b!.x).toBeGreaterThanOrEqual(a!.x + 300)
    expect(c!.y).toBeGreaterThanOrEqual(a!.y + 200)
  })

  it('has all text inside, none over an image or another text', () => {
    const picture = sheetPicture(SHEET)
    const boxes = labels(SHEET).map(({ text, x, y, size }) => ({
      x,
      right: x + textWidth(text, size),
      y: y - size,
      bottom: y + (2 * size) / 7,
    }))
    for (const { image, x, y, zoom } of photos(SHEET)) {
      boxes.push({ x, y, right: x + image.width * zoom, bottom: y + image.height * zoom })
    }
    for (const [i, box] of boxes.entries()) {
      expect(box.right).toBeLessThanOrEqual(picture.width)
      expect(box.bottom).toBeLessThanOrEqual(picture.height)
      for (const other of boxes.slice(i + 1)) {
        const apart =
          box.right <= other.x || other.right <= box.x || box.bottom <= other.y || other.bottom <= box.y
        expect(apart).toBe(true)
      }
    }
  })

  it('shows very large images smaller, and says so', () => {
    const sheet = {
      title: 't',
      rows: [{ cells: Array.from({ length: 3 }, () => ({ image: plain(600, 601, 7) })) }],
    }
    const { shapes, width } = sheetPicture(sheet, 500_000)
    const all = shapes.filter((shape) => shape.kind === 'photo')
    const smaller = [300, 301, 1]
    expect(all.map(({ image, zoom }) => [image.width, image.height, zoom])).toEqual([
      smaller,
      smaller,
      smaller,
    ])
    expect(all[0]!.image.data[0]).toBe(7)
    expect(width).toBeLessThan(1100)
    expect(shapes.at(-1)).toMatchObject({ text: 'Images are shown at 1/2 of their size.' })
  })

  it('enlarges small images by whole pixels', () => {
    const [photo] = photos({ title: 't', rows: [{ cells: [{ image: plain(64, 64, 1) }] }] })
    expect(photo!.zoom).toBe(4)
    expect(photos(SHEET)[0]!.zoom).toBe(1)
  })

  it('colours the first line of a caption by the verdict', () => {
    const fill = (text: string) => labels(SHEET).find((label) => label.text === text)?.fill
    expect(fill('30 dB')).toBe('#c0233c')
    expect(fill('x')).toBe('#667380')
  })

  it('can be an SVG, with its images inside', () => {
    const svg = svgText(sheetPicture({ title: 't', rows: [{ cells: [{ image: plain(300, 2, 1) }] }] }))
    expect(svg).toMatch(
      /<image x="32" y="\d+" width="300" height="2" style="[^"]+" href="data:image\/png;base64,iVBOR/,
    )
  })
})

describe('text in lines', () => {
  it('is broken at spaces, long words anywhere, and ends in dots', () => {
    expect(wrapped('one two three', 7, textWidth('one two', 7))).toEqual(['one two', 'three'])
    expect(wrapped('', 7, 50)).toEqual([])
    for (const line of wrapped(`${'x'.repeat(100)} y`, 7, 60))
      expect(textWidth(line, 7)).toBeLessThanOrEqual(60)
    const long = wrapped('word '.repeat(100), 7, 40)
    expect([long.length, long.at(-1)!.endsWith('...')]).toEqual([8, true])
  })
})
