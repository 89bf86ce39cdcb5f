import { describe, expect, it } from 'vitest'
import { rotate } from '../../../src/tensor/algebra/matrix.ts'
import type { Matrix, Rotation } from '../../../src/tensor/values/table.ts'
import { matrix, rowsOfMatrix } from './matrices.ts'

const plain = (blocks: Matrix, more: Partial<Rotation> = {}): Rotation => {
  return { blocks, size: 2, stages: 1, butterfly: false, form: 'plain', strength: 1, ...more }
}

/** A quarter turn: R = [[0, -1], [1, 0]]. */
const QUARTER = [
  [0, -1],
  [1, 0],
]
const UNIT = [
  [1, 0],
  [0, 1],
]

describe('rotations of rows', () => {
  it('apply the transpose of each block to its own rows', async () => {
    const weight = matrix([1, 10], [2, 20], [3, 30], [4, 40])
    // R^T (x, y) = (y, -x)
    expect(await rowsOfMatrix(rotate(weight, plain(matrix(...QUARTER, ...UNIT))))).toEqual([
      [2, 20],
      [-1, -10],
      [3, 30],
      [4, 40],
    ])
  })

  it('go half of the way at strength 0.5', async () => {
    const half = rotate(matrix([1], [2]), plain(matrix(...QUARTER), { strength: 0.5 }))
    // I + (R - I) / 2 = [[0.5, -0.5], [0.5, 0.5]], transposed
    expect(await rowsOfMatrix(half)).toEqual([[1.5], [0.5]])
  })

  it('come from trained blocks by the Cayley transform', async () => {
    // B - B^T = [[0, 0.5], [-0.5, 0]] = Q. (I + Q)(I - Q)^-1 by hand: [[0.6, 0.8], [-0.8, 0.6]]
    const blocks = matrix([7, 0.75], [0.25, -3])
    const turned = rotate(matrix([1], [0]), plain(blocks, { form: 'cayley' }))
    const rows = await rowsOfMatrix(turned)
    expect(rows[0]![0]).toBeCloseTo(0.6, 15)
    expect(rows[1]![0]).toBeCloseTo(0.8, 15)
  })

  it.each([
    [1, 1, 0],
    [2, 1, 1],
    [3, 0.5, 0.875],
    [4, 0.5, 0.875],
    [5, 0.5625, 0.75],
    [6, 0.625, 0.78125],
  ])('come from a series of %d terms as in PEFT', async (terms, diagonal, beside) => {
    // Q = [[0, 1/2], [-1/2, 0]]: Q^2 = -1/4, Q^3 = -Q/4, Q^4 = 1/16, Q^5 = Q/16. I + 2Q + 2Q^2 + .. + the last power once
    const rotation = plain(matrix([0, 0.5], [0, 0]), { form: 'neumann', terms })
    expect(await rowsOfMatrix(rotate(matrix([1], [0]), rotation))).toEqual([[diagonal], [beside]])
  })

  it('are held back by a constraint on the norm of all blocks together', async () => {
    const blocks = matrix([0, 0.5], [0, 0], [0, 0], [0, 0])
    // |Q| = sqrt(0.5); constrained to half of it, Q = [[0, 0.25], [-0.25, 0]]: R^T (1, 0) = (15/17, 8/17)
    const constraint = Math.SQRT1_2 / 2
    const turned = rotate(matrix([1], [0], [1], [1]), plain(blocks, { form: 'cayley', constraint }))
    const rows = await rowsOfMatrix(turned)
    expect(rows[0]![0]).toBeCloseTo(15 / 17, 7)
    expect(rows[1]![0]).toBeCloseTo(8 / 17, 7)
    expect(rows.slice(2)).toEqual([[1], [1]])
  })

  it('reach further with each stage of a butterfly', async () => {
    // two stages of size 2 over four rows: neighbours first, then rows two apart; not transposed: (x, y) -> (-y, x)
    const blocks = matrix(...QUARTER, ...UNIT, ...QUARTER, ...UNIT)
    const turned = rotate(matrix([1], [2], [3], [4]), plain(blocks, { stages: 2, butterfly: true }))
    // stage 1: rows 0, 1 -> -2, 1. Stage 2 pairs rows 0, 2 = (-2, 3) -> (-3, -2); rows 1, 3 stay
    expect(await rowsOfMatrix(turned)).toEqual([[-3], [1], [-2], [4]])
  })
})
