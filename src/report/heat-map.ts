/** Lays out a heat map: one panel for each component, rows of layers, columns of blocks. */
import { type ColourScale, colourAt, colourScale } from './colour-scale.ts'
import { textWidth } from './font.ts'
import { type Colour, type Label, type Picture, rectangle, type Shape } from './picture.ts'
import { shortPercent } from './relative.ts'

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
const INK: Colour = '#1f2933'
const FAINT: Colour = '#667380'
const UNCHANGED: Colour = '#e9edf1'
const PAPER: Colour = '#ffffff'
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
const LEGEND = { width: 240, bar: 10, height: 62 } as const
const MIN_WIDTH = 560

/** The picture of a heat map, as large as its panels need. */
export function heatMapPicture({ title, subtitle, panels }: HeatMap): Picture {
  const scale = colourScale(panels.flatMap(allValues))
  const drawn = panels.map((panel) => drawPanel(panel, scale))
  const widest = Math.max(MIN_WIDTH, ...drawn.map(({ width }) => width))
  const shapes: Shape[] = [
    text(title, [MARGIN, MARGIN + 12], { size: TEXT.title, bold: true }),
    text(subtitle, [MARGIN, MARGIN + 32], { fill: FAINT }),
  ]
  const bottom = placePanels(shapes, drawn, widest)
  shapes.push(...legend(scale, MARGIN, bottom))
  const width = Math.ceil(Math.max(widest, textWidth(title, TEXT.title), textWidth(subtitle, TEXT.label)))
  return { width: width + 2 * MARGIN, height: Math.ceil(bottom + LEGEND.height), background: PAPER, shapes }
}

function allValues({ cells, columnTotals, rowTotals, total }: HeatPanel): number[] {
  const all = [...cells.flat(), ...columnTotals, ...rowTotals, total]
  return all.filter((cell) => typeof cell === 'number')
}

/** Shapes from a corner at 0, 0. */
interface Drawing {
  readonly width: number
  readonly height: number
  readonly shapes: readonly Shape[]
}

/** Puts panels side by side as far as they fit under the widest, each into the first row with room. Gives the line below. */
function placePanels(shapes: Shape[], panels: readonly Drawing[], widest: number): number {
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
  const rows = ['all', ...panel.rows]
  const left = Math.max(...rows.map((row) => textWidth(row, TEXT.label))) + LABEL_GAP
  const xs = columnPlaces(panel.columns, left)
  const totalsX = xs.at(-1)! + CELL.width + SPLIT
  const top = PANEL_TITLE_HEIGHT + HEAD_HEIGHT
  const shapes: Shape[] = [
    text(panel.title, [0, 11], { bold: true }),
    ...columnHeads(panel.columns, xs, PANEL_TITLE_HEIGHT),
    text('all', [totalsX + CELL.width / 2, top - 6], { fill: FAINT, anchor: 'middle' }),
  ]
  const addRow = (
    label: string,
    y: number,
    cells: readonly (Cell | undefined)[],
    total: Cell,
    named: boolean,
  ) => {
    shapes.push(text(label, [left - LABEL_GAP, y + 11], { fill: named ? INK : FAINT, anchor: 'end' }))
    for (const [i, cell] of cells.entries()) shapes.push(...cellShapes(cell, xs[i]!, y, scale, named))
    shapes.push(...cellShapes(total, totalsX, y, scale, true))
  }
  addRow('all', top, panel.columnTotals, panel.total, true)
  const first = top + CELL.height + SPLIT
  for (const [i, row] of panel.rows.entries()) {
    addRow(row, first + i * (CELL.height + CELL.gap), panel.cells[i]!, panel.rowTotals[i]!, false)
  }
  const height = first + panel.rows.length * (CELL.height + CELL.gap)
  return { width: Math.max(totalsX + CELL.width, textWidth(panel.title, TEXT.label) * 1.1), height, shapes }
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
function columnHeads(columns: readonly HeatColumn[], xs: readonly number[], y: number): Shape[] {
  const shapes: Shape[] = []
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
  x: number,
  y: number,
  scale: ColourScale | undefined,
  numbered: boolean,
): Shape[] {
  if (cell === undefined) return []
  const size = [CELL.width, CELL.height] as const
  if (cell === 'incomparable') return hollow([x, y], size)
  const fill = cell === 0 || !scale ? UNCHANGED : scale.colourOf(cell)
  const box = rectangle([x, y], size, fill)
  if (!numbered || cell === 0) return [box]
  const ink = isDark(fill) ? PAPER : INK
  return [box, text(shortPercent(cell), [x + CELL.width / 2, y + 11], { fill: ink, anchor: 'middle' })]
}

function hollow([x, y]: readonly [number, number], [width, height]: readonly [number, number]): Shape[] {
  const inside = rectangle([x + 1, y + 1], [width - 2, height - 2], PAPER)
  return [rectangle([x, y], [width, height], RULE), inside]
}

/** By the luminance of ITU-R BT.601. */
function isDark(colour: Colour): boolean {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  return 0.299 * red! + 0.587 * green! + 0.114 * blue! < 140
}

/** Steps the gradient of the legend is drawn in. */
const GRADIENT_STEPS = 120

/** The scale with its ticks, and what the other cells mean. */
function legend(scale: ColourScale | undefined, x: number, y: number): Shape[] {
  const shapes: Shape[] = []
  let next = x
  if (scale) {
    const step = LEGEND.width / GRADIENT_STEPS
    for (let i = 0; i < GRADIENT_STEPS; i++) {
      shapes.push(rectangle([x + i * step, y], [step, LEGEND.bar], colourAt(i / (GRADIENT_STEPS - 1))))
    }
    for (const { value, at } of scale.ticks) {
      shapes.push(rectangle([x + at * LEGEND.width - 0.5, y + LEGEND.bar], [1, 3], RULE))
      const label = `${Number((100 * value).toPrecision(2))}%`
      shapes.push(
        text(label, [x + at * LEGEND.width, y + LEGEND.bar + 14], { fill: FAINT, anchor: 'middle' }),
      )
    }
    next += LEGEND.width + 36
  }
  const swatch = (name: string, box: readonly Shape[]) => {
    shapes.push(...box, text(name, [next + CELL.width + LABEL_GAP, y + 11], { fill: FAINT }))
    next += CELL.width + LABEL_GAP + textWidth(name, TEXT.label) + 24
  }
  swatch('no change', [rectangle([next, y], [CELL.width, CELL.height], UNCHANGED)])
  swatch('not comparable', hollow([next, y], [CELL.width, CELL.height]))
  return shapes
}

interface TextStyle extends Partial<Pick<Label, 'size' | 'fill' | 'anchor' | 'bold'>> {}

function text(content: string, [x, y]: readonly [number, number], style: TextStyle = {}): Label {
  return { kind: 'label', text: content, x, y, anchor: 'start', size: TEXT.label, fill: INK, ...style }
}
