import { describe, expect, it } from 'vitest'
import { solve } from '../../../src/tensor/algebra/solve.ts'

describe('solve', () => {
  it('needs an exchange of rows where a pivot is zero', () => {
    // [[0, 2], [4, 1]] X = [[2, 4], [9, 6]] -> X = [[2, 1], [1, 2]]
    const x = solve(Float64Array.of(0, 2, 4, 1), Float64Array.of(2, 4, 9, 6), 2)
    expect(Array.from(x)).toEqual([2, 1, 1, 2])
  })

  it('solves three equations', () => {
    // A = [[2, 1, 1], [4, -6, 0], [-2, 7, 2]] with columns (1, 1, 2), (0, 1, -1), (3, 0, 0)
    const a = Float64Array.of(2, 1, 1, 4, -6, 0, -2, 7, 2)
    const b = Float64Array.of(5, 0, 6, -2, -6, 12, 9, 5, -6)
    expect(Array.from(solve(a, b, 3)).map((x) => Math.round(x * 1e12) / 1e12 + 0)).toEqual([
      1, 0, 3, 1, 1, 0, 2, -1, 0,
    ])
  })
})
