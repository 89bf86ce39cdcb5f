/** How many singular values of a layer a LoRA keeps. */

/**
 * Rules of kohya-ss/sd-scripts `networks/resize_lora.py`. `fixed`: the same rank for every layer. `sv_ratio`: singular
 * values larger than the first one divided by the target. `sv_cumulative`: as many as have this share of their sum.
 * `sv_fro`: as many as have this share of the Frobenius norm.
 */
export const RANK_METHODS = ['fixed', 'sv_ratio', 'sv_cumulative', 'sv_fro'] as const

export type RankMethod = (typeof RANK_METHODS)[number]

export interface RankRule {
  readonly method: RankMethod
  /** Meaning depends on the method; not used by `fixed`. */
  readonly target?: number
  /** The rank of `fixed`, the most of the others. */
  readonly limit: number
}

/** What is known of the singular values of a layer [m, n]. */
export interface Spectrum {
  /** The largest ones, descending: at least as many as the limit of the rule, if there are so many. */
  readonly values: Float64Array
  /** min(m, n): how many there are. */
  readonly count: number
  /** Sum of all; only for `sv_cumulative`. */
  readonly sum?: number
  /** Sum of all squares. */
  readonly squares: number
}

/** A layer whose largest singular value is below this has changed by nothing. Source: kohya, `MIN_SV`. */
const MIN_VALUE = 1e-6

/**
 * The rank for a layer. As in kohya's tool the dynamic methods keep one value more than reaches the target, and at
 * least two, never more than the limit.
 * @throws Error for `sv_cumulative` without the sum of all singular values: a fault of the caller
 */
export function chosenRank(spectrum: Spectrum, { method, target = 1, limit }: RankRule): number {
  const { values, count, sum, squares } = spectrum
  const most = Math.min(limit, count)
  const first = values[0] ?? 0
  if (first <= MIN_VALUE) return Math.min(1, most)
  switch (method) {
    case 'fixed':
      return most
    case 'sv_ratio':
      return withOneMore(values.filter((value) => value > first / target).length, count, most)
    case 'sv_cumulative':
      if (sum === undefined) throw new Error('sv_cumulative needs the sum of all singular values')
      return withOneMore(reached(values, target * sum) + 1, count, most)
    case 'sv_fro':
      return withOneMore(
        reached(
          values.map((value) => value * value),
          target ** 2 * squares,
        ) + 1,
        count,
        most,
      )
  }
}

/** Index of the first value with which the sum reaches `enough`; the number of values if none does. */
function reached(values: Float64Array, enough: number): number {
  let sum = 0
  const index = values.findIndex((value) => {
    sum += value
    return sum >= enough
  })
  return index < 0 ? values.length : index
}

function withOneMore(index: number, count: number, most: number): number {
  return Math.min(Math.max(1, Math.min(index, count - 1)) + 1, most)
}
