import { describe, expect, it } from 'vitest'
import {
  added,
  columnNorms,
  hadamard,
  kron,
  permute,
  place,
  product,
  quotient,
  reshaped,
  rotate,
  rowNorms,
  rowsOf,
  scaleColumns,
  scaled,
  scaleRows,
  sum,
  transposed,
} from '../../../src/tensor/algebra/matrix.ts'
import type { Matrix } from '../../../src/tensor/values/table.ts'
import { fc } from '../../properties.ts'
import { arithmetic, matrix, rowsOfMatrix, valuesOf } from './matrices.ts'

const a = matrix([1, 2], [3, 4], [5, 6])
const b = matrix([1, 0, -1], [2, 1, 0])

describe('matrix expressions', () => {
  it('multiply', async () => {
    expect(await rowsOfMatrix(product(a, b))).toEqual([
      [5, 2, -1],
      [11, 4, -3],
      [17, 6, -5],
    ])
  })

  it('add with factors, also what has been added before', async () => {
    const twice = added(added(a, 2, a), -0.5, matrix([2, 2], [2, 2], [2, 2]))
    expect(await rowsOfMatrix(twice)).toEqual([
      [2, 5],
      [8, 11],
      [14, 17],
    ])
    expect(twice).toMatchObject({ op: 'sum', terms: { length: 3 } })
    expect(await rowsOfMatrix(scaled(-3, a))).toEqual([
      [-3, -6],
      [-9, -12],
      [-15, -18],
    ])
  })

  it('multiply and divide elementwise; a quotient by zero is zero', async () => {
    expect(await rowsOfMatrix(hadamard(a, a))).toEqual([
      [1, 4],
      [9, 16],
      [25, 36],
    ])
    expect(await rowsOfMatrix(quotient(matrix([8, 3], [0, 9]), matrix([2, 0], [0, -3])))).toEqual([
      [4, 0],
      [0, -3],
    ])
  })

  it('build the Kronecker product: every element of the first times the whole second', async () => {
    expect(await rowsOfMatrix(kron(matrix([1, 2], [0, -1]), matrix([1, 3], [5, 7])))).toEqual([
      [1, 3, 2, 6],
      [5, 7, 10, 14],
      [0, 0, -1, -3],
      [0, 0, -5, -7],
    ])
  })

  it('transpose, reshape and exchange axes', async () => {
    expect(await rowsOfMatrix(transposed(a))).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ])
    expect(await rowsOfMatrix(reshaped(a, 2))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    // [2, 3] of [2] values each: the last two axes exchanged within each row
    const cube = matrix([1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12])
    expect(await rowsOfMatrix(permute(cube, [2, 3, 2], [0, 2, 1], 2))).toEqual([
      [1, 3, 5, 2, 4, 6],
      [7, 9, 11, 8, 10, 12],
    ])
    expect(await rowsOfMatrix(permute(cube, [2, 3, 2], [1, 0, 2], 3))).toEqual([
      [1, 2, 7, 8],
      [3, 4, 9, 10],
      [5, 6, 11, 12],
    ])
  })

  it('take rows out and put them into zeros', async () => {
    expect(await rowsOfMatrix(rowsOf(a, 1, 2))).toEqual([
      [3, 4],
      [5, 6],
    ])
    expect(await rowsOfMatrix(place(matrix([7], [8]), 1, 4, 2))).toEqual([
      [0, 0],
      [7, 0],
      [8, 0],
      [0, 0],
    ])
    const inside = sum({ factor: 1, of: a }, { factor: 10, of: place(matrix([1, 1]), 1, 3) })
    expect(await rowsOfMatrix(inside)).toEqual([
      [1, 2],
      [13, 14],
      [5, 6],
    ])
  })

  it('scale rows, and groups of columns', async () => {
    expect(await rowsOfMatrix(scaleRows(a, matrix([2], [0], [-1])))).toEqual([
      [2, 4],
      [0, 0],
      [-5, -6],
    ])
    expect(await rowsOfMatrix(scaleColumns(matrix([1, 2, 3, 4]), matrix([10], [-1])))).toEqual([
      [10, 20, -3, -4],
    ])
  })

  it('give norms of rows, and of groups of columns over all rows', async () => {
    expect(await rowsOfMatrix(rowNorms(matrix([3, 4], [0, -2])))).toEqual([[5], [2]])
    expect(await rowsOfMatrix(columnNorms(matrix([1, 2, 0, 6], [2, 4, 8, 0]), 2))).toEqual([[5], [10]])
  })

  it('refuse to be built of sizes that do not fit', () => {
    for (const build of [
      () => product(a, a),
      () => hadamard(a, b),
      () => sum({ factor: 1, of: a }, { factor: 1, of: b }),
      () => rowsOf(a, 2, 2),
      () => place(a, 1, 3),
      () => scaleRows(a, b),
      () => scaleColumns(b, matrix([1], [1])),
      () => columnNorms(b, 2),
      () => permute(a, [2, 3], [0, 0], 2),
      () => permute(a, [2, 2], [1, 0], 2),
    ]) {
      expect(build).toThrow(RangeError)
    }
  })
})

const numbers = fc.double({ min: -4, max: 4, noNaN: true })

/** Any matrix of this size, a few operations deep. */
function matrices(rows: number, columns: number, depth: number): fc.Arbitrary<Matrix> {
  const row = fc.array(numbers, { minLength: columns, maxLength: columns })
  const stored = fc.array(row, { minLength: rows, maxLength: rows }).map((values) => matrix(...values))
  if (depth === 0) return stored
  const same = matrices(rows, columns, depth - 1)
  const column = matrices(rows, 1, 0)
  return fc.oneof(
    fc.tuple(same, same).map(([x, y]) => hadamard(x, y)),
    fc.tuple(same, same, numbers).map(([x, y, n]) => added(x, n, y)),
    fc.tuple(matrices(rows, 2, 0), matrices(2, columns, 0)).map(([x, y]) => product(x, y)),
    fc.tuple(matrices(rows / 2, 1, 0), matrices(2, columns, 0)).map(([x, y]) => kron(x, y)),
    matrices(columns, rows, depth - 1).map(transposed),
    same.map((x) => permute(x, [rows, 2, columns / 2], [0, 2, 1], rows)),
    fc.tuple(same, column).map(([x, y]) => scaleRows(x, y)),
    fc.tuple(same, same).map(([x, y]) => scaleColumns(x, columnNorms(y, 2))),
    matrices(2, columns, 0).map((x) => place(x, 1, rows)),
    matrices(rows + 2, columns, depth - 1).map((x) => rowsOf(x, 1, rows)),
    fc.tuple(same, matrices(rows, 2, 0), fc.boolean()).map(([x, blocks, butterfly]) => {
      return rotate(x, { blocks, size: 2, stages: 1, butterfly, form: 'cayley', strength: 0.5 })
    }),
  )
}

describe('any matrix', () => {
  it('has the same rows whether it is computed whole or in blocks', async () => {
    const cut = fc.integer({ min: 0, max: 4 })
    await fc.assert(
      fc.asyncProperty(matrices(4, 6, 2), cut, async (m, at) => {
        const whole = await valuesOf(m)
        const by = arithmetic('F64')
        const parts = [await valuesOf(m, 0, at, by), await valuesOf(m, at, 4, by)]
        expect(parts.flatMap((part) => Array.from(part))).toEqual(Array.from(whole))
      }),
      { numRuns: 300 },
    )
  })
})
