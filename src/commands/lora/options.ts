/** Options of commands that make LoRAs. */

import type { Argv } from 'yargs'
import { FACTOR_DTYPES, type FactorDTypeName } from '../../model/lora/factors.ts'
import { DEFAULT_RANK, type FactorOptions, MAX_RANK, MAX_SEED } from '../../operations/lora/factor-options.ts'
import { RANK_METHODS, type RankMethod, type RankRule } from '../../operations/lora/rank-rule.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { filledText } from '../shared/options.ts'

/** Rank of `auto`: what LoRAs for SD are at most published with. */
const AUTO_LIMIT = 128
const AUTO_RULE = { method: 'sv_fro', target: 0.95 } as const

const DYNAMIC = Object.keys(RANK_METHODS).filter((method) => method !== 'fixed')

export function withFactorOptions(yargs: Argv, seeds: string): Argv {
  return yargs
    .option('rank', {
      type: 'string',
      nargs: 1,
      describe: `Rank of every layer; with --dynamic the most; auto: --dynamic sv_fro=${AUTO_RULE.target}, at most ${AUTO_LIMIT}`,
      defaultDescription: String(DEFAULT_RANK),
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
    .option('seed', { type: 'string', nargs: 1, describe: seeds, defaultDescription: '0' })
}

/** @throws USAGE */
export function readFactorOptions(args: Arguments): FactorOptions {
  const rank = rankRule(args)
  const conv = filledText(args, 'convRank')
  const dtype = filledText(args, 'dtype') as FactorDTypeName | undefined
  return {
    rank,
    ...(conv === undefined ? {} : { convRank: rankOf('conv-rank', conv) }),
    ...defined({ dtype }),
    seed: seedOf(args),
  }
}

function rankRule(args: Arguments): RankRule {
  const rank = filledText(args, 'rank')
  const isAuto = rank === 'auto'
  const dynamic = dynamicRule(args)
  const limit = isAuto ? AUTO_LIMIT : rank === undefined ? DEFAULT_RANK : rankOf('rank', rank)
  return { ...(dynamic ?? (isAuto ? AUTO_RULE : { method: 'fixed' })), limit }
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

/** @throws USAGE */
function seedOf(args: Arguments): number {
  const text = filledText(args, 'seed') ?? '0'
  const seed = Number(text)
  if (/^\d+$/.test(text) && seed <= MAX_SEED) return seed
  throw usage(`--seed ${text}: a seed is a whole number from 0 to ${MAX_SEED}`)
}
