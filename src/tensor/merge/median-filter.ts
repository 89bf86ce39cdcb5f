/** Medians of the 3 x 3 x ... values around each element, as scipy.ndimage.median_filter of size 3, mirrored at the edges. */

import { windowMedians } from './median-window.ts'
import { type Grid, mirrored, type Rows } from './mirrored-grid.ts'

/** Kernels have 9, 25 or 49 cells. Beyond that, putting a block in order costs more than it saves. */
const MAX_CELLS = 64

/**
 * A row is cut along its first axis into blocks of a few cells: the kernels of a convolution, single values of a linear
 * layer. All windows of one block see the same three by three blocks, whose values are put in order once, from lists that
 * are in order already; a median is found by walking that order and counting how often each cell is in the window:
 * at the edge of a kernel, once, twice, four times or not at all.
 */
export function medianRows(values: Float64Array, seen: Rows, from: number, to: number): Float64Array {
  const { first, rows, columns, grid } = seen
  const blocks = grid.sizes[0] ?? 1
  const cells = columns / blocks
  if (cells > MAX_CELLS) return windowMedians(values, seen, from, to)
  const out = new Float64Array((to - from) * columns)
  const isPlain = cells === 1 && rows > 1 && blocks > 1
  const sort = rowSorter(values, first, blocks, cells)
  const counts = countsOf(grid, cells)
  const spare = { tall: newLists(rows > 1 ? columns * 3 : 0), wide: newLists(cells * 9) }
  for (let row = from; row < to; row++) {
    const around = rows > 1 ? [row - 1, row, row + 1].map((one) => sort(mirrored(one, rows))) : [sort(row)]
    const medians = out.subarray((row - from) * columns, (row - from + 1) * columns)
    if (isPlain) plainMedians(around as [Lists, Lists, Lists], medians)
    else blockMedians(around, { blocks, cells, counts, spare }, medians)
  }
  return out
}

/** Values in ascending order, list by list, and the cell of its block that each one is of. */
interface Lists {
  readonly values: Float64Array
  readonly cells: Uint8Array
}

function newLists(length: number): Lists {
  return { values: new Float64Array(length), cells: new Uint8Array(length) }
}

/** Rows that are looked at together. */
const KEPT = 3

/** Puts the cells of each block of a row in order, once for the three rows it is beside of. */
function rowSorter(
  values: Float64Array,
  first: number,
  blocks: number,
  cells: number,
): (row: number) => Lists {
  const kept = new Map<number, Lists>()
  const columns = blocks * cells
  return (row) => {
    const known = kept.get(row)
    if (known !== undefined) return known
    const lists = newLists(columns)
    lists.values.set(values.subarray((row - first) * columns, (row - first + 1) * columns))
    for (let at = 0; at < columns; at += cells) sortBlock(lists, at, cells)
    if (kept.size === KEPT) kept.delete(Math.min(...kept.keys()))
    kept.set(row, lists)
    return lists
  }
}

/** Insertion sort: best for the nine values of a kernel. */
function sortBlock({ values, cells }: Lists, at: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = values[at + i]!
    let j = at + i
    while (j > at && values[j - 1]! > value) {
      values[j] = values[j - 1]!
      cells[j] = cells[j - 1]!
      j--
    }
    values[j] = value
    cells[j] = i
  }
}

/** counts[p * cells + q]: how often cell q is among the 3 x 3 x ... cells around cell p of the same block. */
function countsOf({ sizes, strides }: Grid, cells: number): Uint8Array {
  const counts = new Uint8Array(cells * cells)
  for (let p = 0; p < cells; p++) {
    let around = [p]
    for (const [axis, size] of sizes.entries()) {
      if (axis === 0) continue
      const stride = strides[axis]!
      const place = Math.floor(p / stride) % size
      const steps = [-1, 0, 1].map((step) => (mirrored(place + step, size) - place) * stride)
      around = around.flatMap((cell) => steps.map((step) => cell + step))
    }
    for (const cell of around) counts[p * cells + cell]!++
  }
  return counts
}

interface Blocks {
  readonly blocks: number
  readonly cells: number
  readonly counts: Uint8Array
  readonly spare: { readonly tall: Lists; readonly wide: Lists }
}

function blockMedians(
  rows: readonly Lists[],
  { blocks, cells, counts, spare }: Blocks,
  out: Float64Array,
): void {
  const [above, row, below] = rows as readonly [Lists, Lists, Lists]
  const isTall = rows.length > 1
  const length = isTall ? 3 * cells : cells
  const tall = isTall ? spare.tall : above
  if (isTall)
    for (let b = 0; b < blocks; b++)
      merge(above, row, below, b * cells, b * cells, b * cells, cells, tall, b * length)
  const { wide } = spare
  for (let b = 0; b < blocks; b++) {
    const [before, behind] = [mirrored(b - 1, blocks) * length, mirrored(b + 1, blocks) * length]
    if (blocks > 1) merge(tall, tall, tall, before, b * length, behind, length, wide, 0)
    const [lists, at, count] = blocks > 1 ? ([wide, 0, 3 * length] as const) : ([tall, 0, length] as const)
    for (let p = 0; p < cells; p++)
      out[b * cells + p] = countedMedian(lists, at, count, counts.subarray(p * cells, (p + 1) * cells))
  }
}

/** Three ordered lists of one length become one. */
function merge(
  a: Lists,
  b: Lists,
  c: Lists,
  aAt: number,
  bAt: number,
  cAt: number,
  length: number,
  out: Lists,
  at: number,
): void {
  let [i, j, k] = [aAt, bAt, cAt]
  let x = a.values[i]!
  let y = b.values[j]!
  let z = c.values[k]!
  for (let to = at; to < at + 3 * length; to++) {
    if (x <= y && x <= z) {
      out.values[to] = x
      out.cells[to] = a.cells[i++]!
      x = valueBefore(aAt + length, a, i)
    } else if (y <= z) {
      out.values[to] = y
      out.cells[to] = b.cells[j++]!
      y = valueBefore(bAt + length, b, j)
    } else {
      out.values[to] = z
      out.cells[to] = c.cells[k++]!
      z = valueBefore(cAt + length, c, k)
    }
  }
}

/** Behind the end of a list, more than all values. */
function valueBefore(end: number, { values }: Lists, at: number): number {
  return at < end ? values[at]! : Number.POSITIVE_INFINITY
}

/** The middle value of a list, in which each one counts as often as its cell says. */
function countedMedian({ values, cells }: Lists, at: number, length: number, counts: Uint8Array): number {
  const each = length / counts.length
  let all = 0
  for (let cell = 0; cell < counts.length; cell++) all += counts[cell]! * each
  let left = (all + 1) >> 1
  let i = at
  for (; left > 0; i++) left -= counts[cells[i]!]!
  return values[i - 1]!
}

/** Of a linear layer: nine values in three columns of three. */
function plainMedians([above, row, below]: readonly [Lists, Lists, Lists], out: Float64Array): void {
  const last = out.length - 1
  const [low, middle, high] = [
    new Float64Array(out.length),
    new Float64Array(out.length),
    new Float64Array(out.length),
  ]
  for (let i = 0; i <= last; i++) {
    const a = above.values[i]!
    const b = row.values[i]!
    const c = below.values[i]!
    low[i] = Math.min(a, b, c)
    middle[i] = middleOf(a, b, c)
    high[i] = Math.max(a, b, c)
  }
  for (let i = 0; i <= last; i++) {
    const [before, behind] = [i === 0 ? 0 : i - 1, i === last ? last : i + 1]
    // the largest of the lows, the middle of the middles, the lowest of the highs
    out[i] = middleOf(
      Math.max(low[before]!, low[i]!, low[behind]!),
      middleOf(middle[before]!, middle[i]!, middle[behind]!),
      Math.min(high[before]!, high[i]!, high[behind]!),
    )
  }
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
