/** Options of operations that compute the factors of a LoRA. */
import * as v from 'valibot'
import {
  FACTOR_DTYPES,
  type FactorDType,
  type FactorDTypeName,
  factorTypeName,
} from '../../model/lora/factors.ts'
import { factorDType, finite } from '../schema.ts'
import type { RankRule } from './rank-rule.ts'

/** More than any layer has. */
export const MAX_RANK = 10_240

export const MAX_SEED = 2 ** 32 - 1

/** Of every layer, where nobody says. */
export const DEFAULT_RANK = 32

const rank = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_RANK))
const share = v.pipe(v.number(), v.gtValue(0), v.maxValue(1))

export const rankRule = v.variant('method', [
  v.strictObject({ method: v.literal('fixed'), limit: rank }),
  v.strictObject({ method: v.literal('sv_ratio'), target: v.pipe(finite, v.minValue(1)), limit: rank }),
  v.strictObject({ method: v.picklist(['sv_cumulative', 'sv_fro']), target: share, limit: rank }),
])

export const factorOptions = {
  rank: v.exactOptional(rankRule),
  /** Limit for convolutions with a kernel; that of `rank` without it. */
  convRank: v.exactOptional(rank),
  dtype: v.exactOptional(factorDType),
  /** Of the random sketches. */
  seed: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_SEED))),
}

export interface FactorOptions {
  readonly rank?: RankRule
  readonly convRank?: number
  readonly dtype?: FactorDTypeName
  readonly seed?: number
}

/** The same with everything decided. */
export interface FactorChoice {
  readonly rule: RankRule
  readonly convLimit: number
  readonly dtype: FactorDType
  readonly seed: number
}

const DEFAULT_RULE: RankRule = { method: 'fixed', limit: DEFAULT_RANK }

export function factorChoice(
  { rank: rule = DEFAULT_RULE, convRank: convLimit = rule.limit, dtype, seed = 0 }: FactorOptions,
  usual: FactorDType,
): FactorChoice {
  return { rule, convLimit, dtype: dtype === undefined ? usual : FACTOR_DTYPES[dtype], seed }
}

/** What a recipe keeps of it. */
export function factorRecipe({ rule, convLimit, dtype, seed }: FactorChoice): FactorOptions {
  return {
    rank: rule,
    ...(convLimit === rule.limit ? {} : { convRank: convLimit }),
    dtype: factorTypeName(dtype),
    seed,
  }
}
