/** Lays out a heat map: one panel for each component, rows of layers, columns of blocks. */

import { messages } from '../messages.ts'
import { shortPercent } from '../text/relative.ts'
import { type ColourScale, colourAt, colourScale } from './colour-scale.ts'
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

/** A relative change; `incomparable` where all is in one file only, or of other shapes. */
export type Cell = number | 'incomparable'

export interface HeatColumn {
  /** Columns with the same kind stand together under it: `IN` over `04`. */
  readonly kind: string
  /** Empty if there is only one of the kind. */
  readonly number: string
}

export interface HeatPanel {
  readonly title: string
  readonly columns: readonly HeatColumn[]
  readonly rows: readonly string[]
  /** A cell for each column in each row; undefined where a block has no such layer. */
  readonly cells: readonly (readonly (Cell | undefined)[])[]
  /** Each block as a whole, each kind of layer in all blocks, and everything. */
  readonly columnTotals: readonly Cell[]
  readonly rowTotals: readonly Cell[]
  readonly total: Cell
}

export interface HeatMap {
  readonly title: string
  readonly subtitle: string
  readonly panels: readonly HeatPanel[]
}

const TEXT = { title: 10.5, label: 7 } as const
const UNCHANGED: Colour = '#e9edf1'
const RULE: Colour = '#b4bec8'

const MARGIN = 28
const CELL = { width: 26, height: 15, gap: 2 } as const
/** Between kinds of blocks, and between totals and what they are of. */
const SPLIT = 8
const HEAD_HEIGHT = 30
const LABEL_GAP = 8
const PANEL_GAP = { x: 40, y: 34 } as const
const PANEL_TITLE_HEIGHT = 24
const TITLE_HEIGHT = 58
const LEGEND = { width: 240, bar: 10, height: 62, gap: 32 } as const
/** Bold letters are wider by this much in most fonts. */
const BOLD_WIDTH = 1.1
const MIN_WIDTH = 560

/** The picture of a heat map, as large as its panels need. */
export function heatMapPicture({ title, subtitle, panels }: HeatMap): Picture {
  const scale = colourScale(panels.flatMap(allCells).filter((cell) => typeof cell === 'number'))
  const drawn = panels.map((panel) => drawPanel(panel, scale))
  const widest = Math.max(MIN_WIDTH, ...drawn.map(({ width }) => width))
  const shapes: DrawnShape[] = [
    text(title, [MARGIN, MARGIN + 12], { size: TEXT.title, bold: true }),
    text(subtitle, [MARGIN, MARGIN + 32], { fill: FAINT }),
  ]
  const bottom = placePanels(shapes, drawn, widest)
  const someHollow = panels.some((panel) => allCells(panel).includes('incomparable'))
  shapes.push(...legend(scale, someHollow, MARGIN, bottom))
  const width = Math.ceil(Math.max(widest, textWidth(title, TEXT.title), textWidth(subtitle, TEXT.label)))
  return { width: width + 2 * MARGIN, height: Math.ceil(bottom + LEGEND.height), background: PAPER, shapes }
}

function allCells({ cells, columnTotals, rowTotals, total }: HeatPanel): (Cell | undefined)[] {
  return [...cells.flat(), ...columnTotals, ...rowTotals, total]
}

/** Shapes from a corner at 0, 0. */
interface Drawing {
  readonly width: number
  readonly height: number
  readonly shapes: readonly DrawnShape[]
}

/** Puts panels side by side as far as they fit under the widest, each into the first row with room. Gives the line below. */
function placePanels(shapes: DrawnShape[], panels: readonly Drawing[], widest: number): number {
  const rows: { panels: Drawing[]; width: number }[] = []
  for (const panel of panels) {
    const row = rows.find(({ width }) => width + panel.width <= widest)
    if (row) {
      row.panels.push(panel)
      row.width += panel.width + PANEL_GAP.x
    } else rows.push({ panels: [panel], width: panel.width + PANEL_GAP.x })
  }
  let y = MARGIN + TITLE_HEIGHT
  for (const row of rows) {
    let x = MARGIN
    for (const { shapes: own, width } of row.panels) {
      shapes.push(...own.map((shape) => ({ ...shape, x: shape.x + x, y: shape.y + y })))
      x += width + PANEL_GAP.x
    }
    y += Math.max(...row.panels.map(({ height }) => height)) + PANEL_GAP.y
  }
  return y
}

function drawPanel(panel: HeatPanel, scale: ColourScale | undefined): Drawing {
  const left =
    Math.max(...[messages.allBlocks, ...panel.rows].map((row) => textWidth(row, TEXT.label))) + LABEL_GAP
  const xs = columnPlaces(panel.columns, left)
  const totalsX = xs.at(-1)! + CELL.width + SPLIT
  const top = PANEL_TITLE_HEIGHT + HEAD_HEIGHT
  const first = top + CELL.height + SPLIT
  const drawRow = (row: Row, y: number) => rowShapes(row, y, [...xs, totalsX], left - LABEL_GAP, scale)
  const totals = { label: messages.allBlocks, cells: panel.columnTotals, total: panel.total, isTotal: true }
  const rows = panel.rows.map((label, i) => {
    return { label, cells: panel.cells[i]!, total: panel.rowTotals[i]!, isTotal: false }
  })
  const shapes: DrawnShape[] = [
    text(panel.title, [0, 11], { bold: true }),
    ...columnHeads(panel.columns, xs, PANEL_TITLE_HEIGHT),
    text(messages.allBlocks, [totalsX + CELL.width / 2, top - 6], { fill: FAINT, anchor: 'middle' }),
    ...drawRow(totals, top),
    ...rows.flatMap((row, i) => drawRow(row, first + i * (CELL.height + CELL.gap))),
  ]
  const width = Math.max(totalsX + CELL.width, textWidth(panel.title, TEXT.label) * BOLD_WIDTH)
  return { width, height: first + rows.length * (CELL.height + CELL.gap), shapes }
}

interface Row {
  readonly label: string
  readonly cells: readonly (Cell | undefined)[]
  readonly total: Cell
  /** Its cells have numbers in them, as the totals of all rows have. */
  readonly isTotal: boolean
}

/** @param xs left edges of the cells, the last one of the total */
function rowShapes(
  { label, cells, total, isTotal }: Row,
  y: number,
  xs: readonly number[],
  labelEnd: number,
  scale: ColourScale | undefined,
): DrawnShape[] {
  return [
    text(label, [labelEnd, y + 11], { fill: isTotal ? INK : FAINT, anchor: 'end' }),
    ...cells.flatMap((cell, i) => cellShapes(cell, [xs[i]!, y], scale, isTotal)),
    ...cellShapes(total, [xs.at(-1)!, y], scale, true),
  ]
}

/** Left edges of the columns, with more room where another kind begins. */
function columnPlaces(columns: readonly HeatColumn[], left: number): number[] {
  let x = left
  return columns.map(({ kind }, i) => {
    if (i > 0) x += CELL.width + (kind === columns[i - 1]!.kind ? CELL.gap : SPLIT)
    return x
  })
}

/** Kinds over a line, numbers below it. */
function columnHeads(columns: readonly HeatColumn[], xs: readonly number[], y: number): DrawnShape[] {
  const shapes: DrawnShape[] = []
  for (const [i, { kind, number }] of columns.entries()) {
    const middle = xs[i]! + CELL.width / 2
    if (number !== '') shapes.push(text(number, [middle, y + 24], { fill: FAINT, anchor: 'middle' }))
    if (i > 0 && columns[i - 1]!.kind === kind) continue
    const last = columns.findLastIndex((column) => column.kind === kind)
    const right = xs[last]! + CELL.width
    const isAlone = number === ''
    shapes.push(text(kind, [(xs[i]! + right) / 2, y + (isAlone ? 24 : 8)], { anchor: 'middle' }))
    if (!isAlone) shapes.push(rectangle([xs[i]!, y + 12], [right - xs[i]!, 1], RULE))
  }
  return shapes
}

function cellShapes(
  cell: Cell | undefined,
  [x, y]: readonly [number, number],
  scale: ColourScale | undefined,
  numbered: boolean,
): DrawnShape[] {
  if (cell === undefined) return []
  const size = [CELL.width, CELL.height] as const
  if (cell === 'incomparable') return hollow([x, y], size)
  const fill = cell === 0 || !scale ? UNCHANGED : scale.colourOf(cell)
  const box = rectangle([x, y], size, fill)
  if (!numbered || cell === 0) return [box]
  const ink = isDark(fill) ? PAPER : INK
  return [box, text(shortPercent(cell), [x + CELL.width / 2, y + 11], { fill: ink, anchor: 'middle' })]
}

function hollow([x, y]: readonly [number, number], [width, height]: readonly [number, number]): DrawnShape[] {
  const inside = rectangle([x + 1, y + 1], [width - 2, height - 2], PAPER)
  return [rectangle([x, y], [width, height], RULE), inside]
}

/** By the luminance of ITU-R BT.601. */
function isDark(colour: Colour): boolean {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  return 0.299 * red! + 0.587 * green! + 0.114 * blue! < 140
}

/** The scale, and what cells without a colour of it mean. */
function legend(scale: ColourScale | undefined, someHollow: boolean, x: number, y: number): DrawnShape[] {
  const shapes = scale ? scaleBar(scale, x, y) : []
  let next = scale ? x + LEGEND.width + LEGEND.gap : x
  const swatch = (name: string, box: readonly DrawnShape[]) => {
    shapes.push(...box, text(name, [next + CELL.width + LABEL_GAP, y + 11], { fill: FAINT }))
    next += CELL.width + LABEL_GAP + textWidth(name, TEXT.label) + LEGEND.gap
  }
  const size = [CELL.width, CELL.height] as const
  swatch(messages.unchanged, [rectangle([next, y], size, UNCHANGED)])
  if (someHollow) swatch(messages.incomparable, hollow([next, y], size))
  return shapes
}

/** Steps the gradient is drawn in. */
const GRADIENT_STEPS = 120

function scaleBar({ ticks }: ColourScale, x: number, y: number): DrawnShape[] {
  const step = LEGEND.width / GRADIENT_STEPS
  const bottom = y + LEGEND.bar
  const gradient = Array.from({ length: GRADIENT_STEPS }, (_, i) => {
    return rectangle([x + i * step, y], [step, LEGEND.bar], colourAt(i / (GRADIENT_STEPS - 1)))
  })
  const labels = ticks.flatMap(({ value, at }) => {
    const middle = x + at * LEGEND.width
    const percent = `${Number((100 * value).toPrecision(2))}%`
    return [
      rectangle([middle - 0.5, bottom], [1, 3], RULE),
      text(percent, [middle, bottom + 14], { fill: FAINT, anchor: 'middle' }),
    ]
  })
  return [...gradient, ...labels]
}

function text(content: string, at: readonly [number, number], style: Partial<LabelStyle> = {}): Label {
  return label(content, at, { size: TEXT.label, ...style })
}
