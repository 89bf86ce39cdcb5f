import { describe, expect, it } from 'vitest'
import { chosenRank, type RankRule } from '../../../src/operations/lora/rank-rule.ts'

/** Singular values 8, 4, 2, 1, 0, 0: sum 15, squares 85. */
const SPECTRUM = { values: Float64Array.of(8, 4, 2, 1, 0, 0), count: 6, sum: 15, squares: 85 }

describe('chosenRank', () => {
  it.each<[string, RankRule, number]>([
    ['fixed', { method: 'fixed', limit: 3 }, 3],
    ['fixed, more than there are', { method: 'fixed', limit: 99 }, 6],
    // above 8 / 3: 8 and 4, and one more
    ['sv_ratio', { method: 'sv_ratio', target: 3, limit: 99 }, 3],
    ['sv_ratio of 1: one and one more', { method: 'sv_ratio', target: 1, limit: 99 }, 2],
    // 8 + 4 = 12 of 15 are 0.8: reached at index 1, + 1, + 1
    ['sv_cumulative', { method: 'sv_cumulative', target: 0.8, limit: 99 }, 3],
    // 64 of 85 are the square of 0.868: reached at index 0
    ['sv_fro', { method: 'sv_fro', target: 0.86, limit: 99 }, 2],
    ['sv_fro of everything', { method: 'sv_fro', target: 1, limit: 99 }, 5],
    ['never more than the limit', { method: 'sv_fro', target: 1, limit: 4 }, 4],
  ])('%s', (_, rule, rank) => {
    expect(chosenRank(SPECTRUM, rule)).toBe(rank)
  })

  it('is 1 for a layer that has not changed', () => {
    const nothing = { values: Float64Array.of(1e-7, 0), count: 2, squares: 1e-14 }
    expect(chosenRank(nothing, { method: 'fixed', limit: 8 })).toBe(1)
  })
})
