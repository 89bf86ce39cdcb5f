/** The medians of scipy are in merge.json; here all shapes and edges, by the definition. */
import { describe, expect, it } from 'vitest'
import { medianRows } from '../../../src/tensor/merge/median-filter.ts'

/** Sorts every window: indices are moved by -1, 0, 1 along each axis, and beyond an edge the edge counts again. */
function byDefinition(values: readonly number[], shape: readonly number[]): number[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1))
  return values.map((_, at) => {
    let window = [0]
    shape.forEach((size, axis) => {
      const place = Math.floor(at / strides[axis]!) % size
      const near = [-1, 0, 1].map((step) => Math.min(size - 1, Math.max(0, place + step)))
      window = window.flatMap((sum) => near.map((index) => sum + index * strides[axis]!))
    })
    const sorted = window.map((index) => values[index]!).sort((a, b) => a - b)
    return sorted[sorted.length >> 1]!
  })
}

/** Of the axes behind the first, without those of one value. */
function gridOf(shape: readonly number[]) {
  const kept = shape.flatMap((size, axis) => (axis > 0 && size > 1 ? [axis] : []))
  return {
    sizes: kept.map((axis) => shape[axis]!),
    strides: kept.map((axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1)),
  }
}

describe('the median filter', () => {
  it.each([
    [[7]],
    [[1, 9]],
    [[2, 2]],
    [[6, 5]],
    [[5, 1, 3, 3]],
    [[1, 4, 3, 3]],
    [[4, 5, 3, 3]],
    [[3, 2, 1, 5]],
    [[3, 4, 5, 5]],
    [[1, 3, 70]],
    [[4, 2, 9, 9]],
  ])('of an array of %j is that of the definition', (shape) => {
    const count = shape.reduce((product, n) => product * n, 1)
    // few different values, so that many are equal
    const values = Array.from({ length: count }, (_, i) => Math.round(8 * Math.sin(i * i)) / 4)
    const [rows, columns] = [shape[0]!, count / shape[0]!]
    const seen = { first: 0, last: rows, rows, columns, grid: gridOf(shape) }
    const whole = medianRows(Float64Array.from(values), seen, 0, rows)
    expect(Array.from(whole, (value) => value + 0)).toEqual(
      byDefinition(values, shape).map((value) => value + 0),
    )
    // rows in the middle, of which only they and their neighbours are known
    if (rows < 4) return
    const part = medianRows(Float64Array.from(values.slice(columns)), { ...seen, first: 1 }, 2, rows)
    expect(part).toEqual(whole.slice(2 * columns))
  })
})
