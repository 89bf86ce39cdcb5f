import { describe, expect, it } from 'vitest'
import { hadamardProduct, type LowRank, svdOfKron } from '../../../src/tensor/algebra/structured-svd.ts'
import type { Svd } from '../../../src/tensor/algebra/svd.ts'

const f = Float64Array

describe('svdOfKron', () => {
  // A = 3 (0.6, 0.8)^T (1, 0, 0) + 2 (-0.8, 0.6)^T (0, 0, 1), B = 5 (0, 1, 0)^T (0.8, 0.6) + 1 (1, 0, 0)^T (-0.6, 0.8)
  const a: Svd = { values: f.of(3, 2), left: f.of(0.6, 0.8, -0.8, 0.6), right: f.of(1, 0, 0, 0, 0, 1) }
  const b: Svd = { values: f.of(5, 1), left: f.of(0, 1, 0, 1, 0, 0), right: f.of(0.8, 0.6, -0.6, 0.8) }
  const of = (rank: number) => svdOfKron(a, [2, 3], b, [3, 2], rank)

  it('has all products of the singular values, largest first', () => {
    expect([...of(4).values]).toEqual([15, 10, 3, 2])
    for (const rank of [1, 2, 3]) expect([...of(rank).values]).toEqual([15, 10, 3, 2].slice(0, rank))
  })

  it('has the Kronecker products of the vectors', () => {
    const { left, right } = of(4)
    const rows = (values: Float64Array) =>
      Array.from({ length: 4 }, (_, k) =>
        [...values.subarray(6 * k, 6 * k + 6)].map((x) => Math.round(1e9 * x) / 1e9 + 0),
      )
    expect(rows(left)).toEqual([
      [0, 0.6, 0, 0, 0.8, 0],
      [0, -0.8, 0, 0, 0.6, 0],
      [0.6, 0, 0, 0.8, 0, 0],
      [-0.8, 0, 0, 0.6, 0, 0],
    ])
    expect(rows(right)).toEqual([
      [0.8, 0.6, 0, 0, 0, 0],
      [0, 0, 0, 0, 0.8, 0.6],
      [-0.6, 0.8, 0, 0, 0, 0],
      [0, 0, 0, 0, -0.6, 0.8],
    ])
  })

  it.each([1, 2, 3, 5, 8, 12, 20])('finds the %d largest of many products', (rank) => {
    const many = (values: number[]): Svd => ({
      values: f.from(values),
      left: new f(values.length),
      right: new f(values.length),
    })
    const [x, y] = [
      [9, 7.5, 4, 3.25, 0.5],
      [8, 2.5, 2.25, 1],
    ]
    const all = x!.flatMap((u) => y!.map((v) => u * v)).sort((u, v) => v - u)
    expect([...svdOfKron(many(x!), [1, 1], many(y!), [1, 1], rank).values]).toEqual(all.slice(0, rank))
  })
})

it('hadamardProduct is the elementwise product of two products', () => {
  // A = [[1, 2], [3, 4]] @ [[1, 0, 2], [0, 1, 1]], B = [[2], [-1]] @ [[1, 3, 5]]
  const a: LowRank = { up: f.of(1, 2, 3, 4), down: f.of(1, 0, 2, 0, 1, 1), size: [2, 2, 3] }
  const b: LowRank = { up: f.of(2, -1), down: f.of(1, 3, 5), size: [2, 1, 3] }
  const both = [hadamardProduct(a, b), hadamardProduct(b, a), hadamardProduct(a, a)]
  const expected = [
    // [[1, 2, 4], [3, 4, 10]] . [[2, 6, 10], [-1, -3, -5]]
    [2, 12, 40, -3, -12, -50],
    [2, 12, 40, -3, -12, -50],
    [1, 4, 16, 9, 16, 100],
  ]
  both.forEach(({ up, down, size: [m, r, n] }, k) => {
    const values = Array.from({ length: m * n }, (_, i) => {
      const [row, column] = [Math.floor(i / n), i % n]
      return Array.from({ length: r }, (_, j) => up[row * r + j]! * down[j * n + column]!).reduce(
        (x, y) => x + y,
      )
    })
    expect([r, values]).toEqual([[2, 2, 4][k], expected[k]])
  })
})
