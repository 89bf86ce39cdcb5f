import { medianRows } from './median-filter.ts'
import { messages } from './messages.ts'
import { type MergeBlock, type MergeMethod, nothingAdded } from './method.ts'
import { type Grid, mirrored, type Rows } from './mirrored-grid.ts'

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
  formula: () => messages.smoothAdd,
  definition: () => messages.smoothAddSource,
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 1, describe: () => messages.smoothAddAlpha },
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
  const places = Array.from(line, (_, i) => mirrored(i - RADIUS, size) * stride)
  for (let start = 0; start < values.length; start += size * stride) {
    for (let s = start; s < start + stride; s++) {
      for (let i = 0; i < line.length; i++) line[i] = values[s + places[i]!]!
      for (let i = 0; i < size; i++) values[s + i * stride] = weighted(line, i)
    }
  }
}

function weighted(line: Float64Array, at: number): number {
  let sum = 0
  for (let k = 0; k < KERNEL.length; k++) sum += KERNEL[k]! * line[at + k]!
  return sum
}
