import { describe, expect, it } from 'vitest'
import { WALK_VALUES } from '../../../src/tensor/algebra/arithmetic.ts'
import { combined, matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { blendOf, walkOf } from '../../../src/tensor/merge/combine.ts'
import { MERGE_METHODS } from '../../../src/tensor/merge/registry.ts'
import { bytesTensor } from '../../tables.ts'
import { arithmetic, matrix } from '../algebra/matrices.ts'
import { ownNumbers } from './merged.ts'

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

describe('two models are blended in one step', () => {
  const models = [matrix([1, 0]), matrix([0, 1]), matrix([1, 1])]
  const counts = MERGE_METHODS.flatMap((method) =>
    [2, 3]
      .filter((count) => count >= method.models[0] && count <= method.models[1])
      .map((count) => ({ method, count })),
  )
  /** Of the models above, by the formula, with the numbers that are taken by default. */
  const SHARES: Readonly<Record<string, number>> = { 'weighted-sum': 1 / 2, slerp: Math.SQRT1_2 }

  it.each(counts)('$method.id of $count', async ({ method, count }) => {
    const of = models.slice(0, count)
    const blend = await blendOf(combined(method.id, of, [1, 2], ownNumbers(method, count)), arithmetic('F64'))
    const share = count === 2 ? SHARES[method.id] : undefined
    expect(blend).toEqual(
      share && {
        first: of[0],
        second: of[1],
        shares: [expect.closeTo(share, 12), expect.closeTo(share, 12)],
      },
    )
  })
})
