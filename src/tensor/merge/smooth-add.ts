import { type MergeBlock, type MergeMethod, nothingAdded } from './method.ts'

/** scipy.ndimage.gaussian_filter with sigma 1 looks 4 values far. */
const RADIUS = 4
const KERNEL = gaussian(RADIUS)

function gaussian(radius: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / 2))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

export const smoothAdd: MergeMethod = {
  id: 'smooth-add',
  formula: 'A + alpha gauss(median(B - C)): the difference without its spikes and its noise',
  definition:
    'supermerger "smoothAdd": scipy median_filter of size 3, then gaussian_filter of sigma 1, over all axes, mirrored at the edges. Slow: about a microsecond for each value of a 3x3 convolution',
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 1, describe: 'how much of the smoothed difference is added' },
  halo: RADIUS + 1,
  combine(block) {
    const { models, out, begin, first, columns, parameters } = block
    const smooth = smoothed(block)
    const skipped = (begin - first) * columns
    const alpha = parameters.alpha[0]!
    for (let i = 0; i < out.length; i++) out[i] = models[0]![skipped + i]! + alpha * smooth[i]!
  },
  copyOf: nothingAdded,
}

/** Axes that have more than one value: along the others a filter changes nothing. */
interface Grid {
  readonly sizes: readonly number[]
  /** Distance of neighbours along each axis. */
  readonly strides: readonly number[]
}

/** Of the axes behind the first. */
function gridOf(shape: readonly number[]): Grid {
  const inner = shape.slice(1).map((size, i) => ({
    size,
    stride: shape.slice(i + 2).reduce((product, n) => product * n, 1),
  }))
  const kept = inner.filter(({ size }) => size > 1)
  return { sizes: kept.map(({ size }) => size), strides: kept.map(({ stride }) => stride) }
}

/** Rows [begin, end) of the filtered difference. */
function smoothed({ models, first, begin, end, rows, columns, shape }: MergeBlock): Float64Array {
  const [, b, c] = models
  const difference = Float64Array.from(b!, (value, i) => value - c![i]!)
  const seen = { first, last: first + difference.length / columns, rows, columns, grid: gridOf(shape) }
  // rows that the vertical filter will look at
  const [from, to] = [Math.max(0, begin - RADIUS), Math.min(rows, end + RADIUS)]
  const medians = medianRows(difference, seen, from, to)
  const columnsDone = alongRows(medians, { ...seen, first: from, last: to }, begin, end)
  for (const axis of seen.grid.sizes.keys()) alongAxis(columnsDone, seen.grid, axis)
  return columnsDone
}

/** Rows [first, last) of a matrix of `rows` rows. */
interface Rows {
  readonly first: number
  readonly last: number
  readonly rows: number
  readonly columns: number
  readonly grid: Grid
}

/** Index beyond an edge, mirrored with the edge value twice: d c b a | a b c d | d c b a. */
function mirrored(index: number, size: number): number {
  const period = 2 * size
  const i = ((index % period) + period) % period
  return i < size ? i : period - 1 - i
}

/** Median of the 3 x 3 x ... values around each element. */
function medianRows(
  values: Float64Array,
  { first, rows, columns, grid }: Rows,
  from: number,
  to: number,
): Float64Array {
  const out = new Float64Array((to - from) * columns)
  const neighbours = neighbourTable(grid, columns)
  const around = neighbours.length / columns
  const vertical = rows > 1 ? [-1, 0, 1] : [0]
  const window = new Float64Array(vertical.length * around)
  for (let row = from; row < to; row++) {
    const starts = vertical.map((step) => (mirrored(row + step, rows) - first) * columns)
    for (let c = 0; c < columns; c++) {
      let n = 0
      for (const start of starts) {
        for (let k = 0; k < around; k++) window[n++] = values[start + neighbours[c * around + k]!]!
      }
      out[(row - from) * columns + c] = median(window)
    }
  }
  return out
}

/** For each column, the columns of its neighbours inside the row and its own. */
function neighbourTable({ sizes, strides }: Grid, columns: number): Int32Array {
  let offsets: (column: number) => number[] = (column) => [column]
  for (const [axis, size] of sizes.entries()) {
    const [before, stride] = [offsets, strides[axis]!]
    offsets = (column) =>
      before(column).flatMap((at) => {
        const place = Math.floor(at / stride) % size
        return [-1, 0, 1].map((step) => at + (mirrored(place + step, size) - place) * stride)
      })
  }
  return Int32Array.from(Array.from({ length: columns }, (_, column) => offsets(column)).flat())
}

/** The middle one of an odd count of values, which are put into another order on the way. Hoare's selection. */
export function median(window: Float64Array): number {
  const middle = window.length >> 1
  let [low, high] = [0, window.length - 1]
  while (low < high) {
    const pivot = window[middle]!
    let [i, j] = [low, high]
    while (i <= j) {
      while (window[i]! < pivot) i++
      while (window[j]! > pivot) j--
      if (i > j) break
      const value = window[i]!
      window[i++] = window[j]!
      window[j--] = value
    }
    if (j < middle) low = i
    if (i > middle) high = j
  }
  return window[middle]!
}

/** The filter across rows. */
function alongRows(
  values: Float64Array,
  { first, rows, columns }: Rows,
  begin: number,
  end: number,
): Float64Array {
  const out = new Float64Array((end - begin) * columns)
  for (let row = begin; row < end; row++) {
    const at = (row - begin) * columns
    for (let k = -RADIUS; k <= RADIUS; k++) {
      const start = (mirrored(row + k, rows) - first) * columns
      const weight = KERNEL[k + RADIUS]!
      for (let c = 0; c < columns; c++) out[at + c] = out[at + c]! + weight * values[start + c]!
    }
  }
  return out
}

/** The filter along an axis inside of the rows, in place. */
function alongAxis(values: Float64Array, { sizes, strides }: Grid, axis: number): void {
  const [size, stride] = [sizes[axis]!, strides[axis]!]
  const line = new Float64Array(size + 2 * RADIUS)
  for (let start = 0; start < values.length; start += size * stride) {
    for (let s = start; s < start + stride; s++) {
      for (let i = 0; i < line.length; i++) line[i] = values[s + mirrored(i - RADIUS, size) * stride]!
      for (let i = 0; i < size; i++) values[s + i * stride] = weighted(line, i)
    }
  }
}

function weighted(line: Float64Array, at: number): number {
  let sum = 0
  for (let k = 0; k < KERNEL.length; k++) sum += KERNEL[k]! * line[at + k]!
  return sum
}
