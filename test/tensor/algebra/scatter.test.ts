import { describe, expect, it } from 'vitest'
import { scatter } from '../../../src/tensor/algebra/matrix.ts'
import { matrix, rowsOfMatrix, valuesOf } from './matrices.ts'

describe('scatter', () => {
  const values = matrix([5], [6], [7])

  it('puts values at their places among zeros, and adds those at the same place', async () => {
    expect(await rowsOfMatrix(scatter(matrix([0, 2, 2], [1, 0, 0]), values, [3, 2]))).toEqual([
      [0, 5],
      [0, 0],
      [13, 0],
    ])
  })

  it('takes coordinates of any number of axes; the rows are the first one', async () => {
    const indices = matrix([0, 1, 1], [1, 0, 1], [2, 0, 2])
    expect(await rowsOfMatrix(scatter(indices, values, [2, 2, 3]))).toEqual([
      [0, 0, 0, 0, 0, 5],
      [6, 0, 0, 0, 0, 7],
    ])
  })

  it('gives any block of rows', async () => {
    const m = scatter(matrix([0, 1, 2], [0, 1, 0]), values, [3, 2])
    expect([...(await valuesOf(m, 1, 3))]).toEqual([0, 6, 7, 0])
  })

  it.each([
    ['behind the end', 2],
    ['before the start', -1],
    ['that is no whole number', 0.5],
  ])('refuses an index %s', async (_, index) => {
    const m = scatter(matrix([0, 1, 2], [0, 0, index]), values, [3, 2])
    await expect(valuesOf(m)).rejects.toMatchObject({ code: 'BAD_SPARSE_INDEX', exitCode: 3 })
  })

  it('wants one coordinate for each axis and each value', () => {
    expect(() => scatter(matrix([0, 1, 2]), values, [3, 2])).toThrow(RangeError)
    expect(() => scatter(matrix([0, 1], [0, 1]), values, [3, 2])).toThrow(RangeError)
    expect(() => scatter(matrix([0, 1, 2], [0, 0, 0]), values, [3, 1.5])).toThrow(RangeError)
  })
})
