/** Medians of the values around each element, each selected from scratch. */
import { type Grid, mirrored, type Rows } from './mirrored-grid.ts'

/** The same as `medianRows`, window by window: for arrays of any axes. */
export function windowMedians(
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
    const [i, j] = partition(window, low, high, window[middle]!)
    if (j < middle) low = i
    if (i > middle) high = j
  }
  return window[middle]!
}

/** Puts values below the pivot to the left of those above it, and gives where the two sides begin and end. */
function partition(window: Float64Array, low: number, high: number, pivot: number): [number, number] {
  let [i, j] = [low, high]
  while (i <= j) {
    while (window[i]! < pivot) i++
    while (window[j]! > pivot) j--
    if (i > j) break
    const value = window[i]!
    window[i++] = window[j]!
    window[j--] = value
  }
  return [i, j]
}
