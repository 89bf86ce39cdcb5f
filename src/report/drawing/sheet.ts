/** Lays out sheets of images: rows and columns with labels, captions below each image. */
import type { RgbImage } from '../../image/image.ts'
import { resized } from '../../image/resize.ts'
import { messages } from '../messages.ts'
import { textWidth } from './font.ts'
import {
  type Colour,
  type DrawnShape,
  FAINT,
  INK,
  type Label,
  type LabelStyle,
  label,
  PAPER,
  type Picture,
  rectangle,
} from './picture.ts'

export interface SheetCell {
  readonly image: RgbImage
  /** Lines below it; the first may be coloured by `verdict`. */
  readonly caption?: readonly string[]
  readonly verdict?: 'good' | 'bad'
}

export interface SheetRow {
  /** At the left, broken into lines. */
  readonly label?: string
  readonly cells: readonly (SheetCell | undefined)[]
}

export interface Sheet {
  readonly title: string
  readonly subtitle?: string
  /** Above the columns. */
  readonly heads?: readonly string[]
  readonly rows: readonly SheetRow[]
  /** Below everything: what the eye must know, such as the gain of difference maps. */
  readonly notes?: readonly string[]
}

/** Heights of capital letters; multiples of 7 dots, so that all letters are sharp. */
const TEXT = { title: 21, label: 14, caption: 14 } as const
const LINE = 24
const RULE: Colour = '#d3dae1'
const VERDICTS: Readonly<Record<'good' | 'bad', Colour>> = { good: '#1a7f4b', bad: '#c0233c' }

const MARGIN = 32
const GAP = 20
const LABEL_WIDTH = 200
/** Between an image and the letters below it. */
const CAPTION_GAP = 26
/** A small image is enlarged to about this, or text beside it would be wider than it. */
const MIN_CELL = 256
/** Longer labels end in dots. */
const MAX_LINES = 8

/** Pixels of all images: with more, a sheet would be too large to look at, and take minutes to encode. */
const MAX_PIXELS = 40_000_000

/** The picture of a sheet, as large as its images need. Very many or large ones are shown smaller, and a note says so. */
export function sheetPicture(whole: Sheet, maxPixels = MAX_PIXELS): Picture {
  const sheet = limited(whole, maxPixels)
  const { title, subtitle, rows, notes = [] } = sheet
  const grid = gridOf(sheet)
  const right = Math.max(grid.right, MARGIN + textWidth(title, TEXT.title))
  const room = right - MARGIN
  const subtitles = subtitle === undefined ? [] : wrapped(subtitle, TEXT.label, room)
  const shapes: DrawnShape[] = [
    text(title, [MARGIN, MARGIN + TEXT.title], { size: TEXT.title, bold: true }),
    ...subtitles.map((line, i) => text(line, [MARGIN, MARGIN + 56 + i * LINE], { fill: FAINT })),
  ]
  let y = MARGIN + TEXT.title + 28 + subtitles.length * (LINE + 4)
  y = placeHeads(shapes, sheet, grid, y)
  for (const row of rows) y = placeRow(shapes, row, grid, y) + GAP
  const lines = notes.flatMap((note) => wrapped(note, TEXT.label, room))
  shapes.push(...lines.map((line, i) => text(line, [MARGIN, y + 12 + i * LINE], { fill: FAINT })))
  const height = y + lines.length * LINE + MARGIN
  return { width: Math.ceil(right + MARGIN), height: Math.ceil(height), background: PAPER, shapes }
}

function limited(sheet: Sheet, maxPixels: number): Sheet {
  const images = sheet.rows.flatMap(({ cells }) => cells.flatMap((cell) => (cell ? [cell.image] : [])))
  const pixels = images.reduce((sum, { width, height }) => sum + width * height, 0)
  const divisor = Math.ceil(Math.sqrt(pixels / maxPixels))
  if (divisor <= 1) return sheet
  const smaller = ({ width, height }: RgbImage) => [width, height].map((side) => Math.ceil(side / divisor))
  const rows = sheet.rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell) => {
      const [width, height] = cell ? smaller(cell.image) : []
      return cell && { ...cell, image: resized(cell.image, width!, height!) }
    }),
  }))
  return {
    ...sheet,
    rows,
    notes: [...(sheet.notes ?? []), messages.imagesReduced(divisor)],
  }
}

/** Columns of a sheet. */
interface Grid {
  readonly zoom: number
  /** Of a column. */
  readonly width: number
  /** Left edges of the columns. */
  readonly xs: readonly number[]
  readonly right: number
}

function gridOf({ rows }: Sheet): Grid {
  const images = rows.flatMap(({ cells }) => cells).flatMap((cell) => (cell ? [cell.image] : []))
  const widest = Math.max(1, ...images.map(({ width }) => width))
  const zoom = Math.max(1, Math.round(MIN_CELL / widest))
  const width = widest * zoom
  const columns = Math.max(1, ...rows.map(({ cells }) => cells.length))
  const left = MARGIN + (rows.some(({ label }) => label !== undefined) ? LABEL_WIDTH + GAP : 0)
  const xs = Array.from({ length: columns }, (_, i) => left + i * (width + GAP))
  return { zoom, width, xs, right: xs.at(-1)! + width }
}

/** Heads stand on one line, however many they need. Gives the line below. */
function placeHeads(shapes: DrawnShape[], { heads = [] }: Sheet, { xs, width }: Grid, y: number): number {
  if (heads.length === 0) return y
  const lines = heads.map((head) => wrapped(head, TEXT.label, width))
  const rows = Math.max(...lines.map(({ length }) => length))
  for (const [i, own] of lines.entries()) {
    const first = y + TEXT.label + (rows - own.length) * LINE
    shapes.push(...own.map((line, k) => text(line, [xs[i]!, first + k * LINE], { bold: true })))
  }
  return y + rows * LINE + 4
}

function placeRow(shapes: DrawnShape[], { label, cells }: SheetRow, grid: Grid, y: number): number {
  const labels = label === undefined ? [] : wrapped(label, TEXT.label, LABEL_WIDTH)
  shapes.push(...labels.map((line, i) => text(line, [MARGIN, y + TEXT.label + i * LINE])))
  const bottoms = cells.map((cell, i) => (cell ? placeCell(shapes, cell, grid, grid.xs[i]!, y) : y))
  return Math.max(y + labels.length * LINE, ...bottoms)
}

function placeCell(
  shapes: DrawnShape[],
  cell: SheetCell,
  { zoom, width }: Grid,
  x: number,
  y: number,
): number {
  const { image, caption = [], verdict } = cell
  const size = [image.width * zoom, image.height * zoom] as const
  // a hairline, as an image may be as white as the paper
  shapes.push(rectangle([x - 1, y - 1], [size[0] + 2, size[1] + 2], RULE), {
    kind: 'photo',
    x,
    y,
    image,
    zoom,
  })
  let line = y + size[1] + CAPTION_GAP
  for (const [i, part] of caption.entries()) {
    const fill = i === 0 && verdict ? VERDICTS[verdict] : i === 0 ? INK : FAINT
    for (const words of wrapped(part, TEXT.caption, width)) {
      shapes.push(text(words, [x, line], { size: TEXT.caption, fill }))
      line += LINE
    }
  }
  return caption.length === 0 ? y + size[1] : line - LINE + 10
}

/** Text in lines that fit; a word that does not is broken, and what is left at the end is dots. */
export function wrapped(content: string, size: number, room: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const piece of content.split(/(?<= )/).flatMap((word) => brokenWord(word, size, room))) {
    if (line !== '' && textWidth((line + piece).trimEnd(), size) > room) {
      lines.push(line.trimEnd())
      line = ''
    }
    line += piece
  }
  const all = [...lines, line.trimEnd()].filter((part) => part !== '')
  return all.length <= MAX_LINES
    ? all
    : [...all.slice(0, MAX_LINES - 1), `${all[MAX_LINES - 1]!.slice(0, -3)}...`]
}

function brokenWord(word: string, size: number, room: number): string[] {
  if (textWidth(word.trimEnd(), size) <= room) return [word]
  const pieces: string[] = ['']
  for (const letter of word) {
    const longer = pieces.at(-1)! + letter
    if (textWidth(longer, size) > room && pieces.at(-1) !== '') pieces.push(letter)
    else pieces[pieces.length - 1] = longer
  }
  return pieces
}

function text(content: string, at: readonly [number, number], style: Partial<LabelStyle> = {}): Label {
  return label(content, at, { size: TEXT.label, ...style })
}
