/** Options of commands that make LoRAs. */
import type { Argv } from 'yargs'
import { usage } from '../errors.ts'
import { FACTOR_DTYPES as DTYPES, type FactorDType, factorTypeName } from '../model/lora/factors.ts'
import { RANK_METHODS, type RankMethod, type RankRule } from '../model/lora/rank-rule.ts'
import type { JsonValue } from '../model/recipe.ts'
import type { Arguments } from './command.ts'
import { filledText } from './options.ts'

/** More than any layer has. */
const MAX_RANK = 10_240

/** Rank of `auto`: what LoRAs for SD are at most published with. */
const AUTO_LIMIT = 128
const AUTO_RULE = { method: 'sv_fro', target: 0.95 } as const

export const FACTOR_DTYPES: Readonly<Record<string, FactorDType>> = DTYPES

const DYNAMIC = Object.keys(RANK_METHODS).filter((method) => method !== 'fixed')

export function withRankOptions(yargs: Argv, defaultRank: string): Argv {
  return yargs
    .option('rank', {
      type: 'string',
      nargs: 1,
      describe: `Rank of every layer; with --dynamic the most; auto: --dynamic sv_fro=${AUTO_RULE.target}, at most ${AUTO_LIMIT}`,
      defaultDescription: defaultRank,
    })
    .option('conv-rank', {
      type: 'string',
      nargs: 1,
      describe: 'The same for convolutions with a kernel',
      defaultDescription: 'that of --rank',
    })
    .option('dynamic', {
      type: 'string',
      nargs: 1,
      describe:
        'A rank for each layer: sv_ratio=20 (singular values above a 20th of the first), sv_cumulative=0.9 (share of their sum), sv_fro=0.9 (share of the norm)',
    })
    .option('dtype', { choices: Object.keys(FACTOR_DTYPES), describe: 'Type of the factors' })
}

export interface RankChoice {
  readonly rule: RankRule
  readonly convLimit: number
}

/** @throws USAGE */
export function rankChoice(args: Arguments, defaultRank: number): RankChoice {
  const rank = filledText(args, 'rank')
  const isAuto = rank === 'auto'
  const dynamic = dynamicRule(args)
  const limit = isAuto ? AUTO_LIMIT : rank === undefined ? defaultRank : rankOf('rank', rank)
  const rule: RankRule = { ...(dynamic ?? (isAuto ? AUTO_RULE : { method: 'fixed' })), limit }
  const conv = filledText(args, 'convRank')
  return { rule, convLimit: conv === undefined ? limit : rankOf('conv-rank', conv) }
}

function rankOf(option: string, text: string): number {
  const rank = Number(text)
  if (/^\d+$/.test(text) && rank >= 1 && rank <= MAX_RANK) return rank
  const auto = option === 'rank' ? ', or auto' : ''
  throw usage(`--${option} ${text}: no rank`, `A rank is a whole number from 1 to ${MAX_RANK}${auto}.`)
}

function dynamicRule(args: Arguments): Pick<RankRule, 'method' | 'target'> | undefined {
  const text = filledText(args, 'dynamic')
  if (text === undefined) return undefined
  const [method = '', value = ''] = text.split('=', 2)
  const target = Number(value)
  if (!DYNAMIC.includes(method) || value === '') {
    throw usage(
      `--dynamic ${text}: no such rule`,
      `Rules are ${DYNAMIC.join(', ')}, as in --dynamic sv_ratio=20.`,
    )
  }
  const isRatio = method === 'sv_ratio'
  if (!(isRatio ? target >= 1 && Number.isFinite(target) : target > 0 && target <= 1)) {
    const range = isRatio ? 'a number of 1 or more' : 'a share above 0, 1 at most'
    throw usage(`--dynamic ${text}: the target of ${method} is ${range}`)
  }
  return { method: method as RankMethod, target }
}

export interface FactorChoice extends RankChoice {
  readonly dtype: FactorDType
  readonly seed: number
}

/** The options that decide the factors, as they stand in a recipe. */
export function factorRecipe(
  { rule: { method, target, limit }, convLimit, dtype, seed }: FactorChoice,
  engine: string,
): Record<string, JsonValue | undefined> {
  return {
    rank: String(limit),
    dynamic: method === 'fixed' ? undefined : `${method}=${target}`,
    convRank: convLimit === limit ? undefined : convLimit,
    dtype: factorTypeName(dtype),
    seed,
    engine,
  }
}

/** How `recipeArguments` reads them again. */
export const FACTOR_READERS = {
  rank: 'text',
  dynamic: 'text',
  convRank: 'number',
  dtype: 'text',
  seed: 'number',
  engine: 'text',
} as const

/** @throws USAGE */
export function seedOf(args: Arguments): number {
  const text = filledText(args, 'seed') ?? '0'
  const seed = Number(text)
  if (/^\d+$/.test(text) && seed < 2 ** 32) return seed
  throw usage(`--seed ${text}: a seed is a whole number from 0 to 4294967295`)
}
