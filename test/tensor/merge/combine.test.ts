import { expect, it } from 'vitest'
import { WALK_VALUES } from '../../../src/tensor/algebra/arithmetic.ts'
import { matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { walkOf } from '../../../src/tensor/merge/combine.ts'
import { bytesTensor } from '../../tables.ts'
import { arithmetic } from '../algebra/matrices.ts'

/** A walk over a matrix of this size, whose values nobody reads, and the rows it asks for. */
function walked(rows: number, columns: number) {
  const filled: (readonly [begin: number, end: number])[] = []
  const by = {
    ...arithmetic('F64'),
    async fill(_: unknown, begin: number, end: number) {
      filled.push([begin, end])
    },
  }
  const matrix = matrixOf(bytesTensor('m', 'F64', [rows, columns], new Uint8Array(0)))
  return { filled, walk: walkOf([matrix], by) }
}

it.each([
  [1, 1],
  [1000, 1280],
  [3, WALK_VALUES],
  [2, 3 * WALK_VALUES],
  [10 * WALK_VALUES, 1],
  [0, 5],
  [4, 0],
])('a walk over %i rows of %i values sees each once, and never many at a time', async (rows, columns) => {
  const { filled, walk } = walked(rows, columns)
  let largest = 0
  let all = 0
  await walk(([values]) => {
    largest = Math.max(largest, values!.length)
    all += values!.length
  })
  expect(all).toBe(rows * columns)
  expect(largest).toBeLessThanOrEqual(Math.max(columns, WALK_VALUES))
  // blocks as large as they may be: a row at a time would take a thousand times as many calls
  expect(filled.length).toBeLessThanOrEqual(Math.ceil((2 * rows * Math.max(1, columns)) / WALK_VALUES) + 1)
  const ends = filled.map(([, end]) => end)
  expect(filled.map(([begin]) => begin)).toEqual([0, ...ends].slice(0, filled.length))
  expect(ends.at(-1) ?? 0).toBe(rows)
})
