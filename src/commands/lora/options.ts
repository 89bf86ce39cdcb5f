/** Options of commands that make LoRAs. */

import type { Argv } from 'yargs'
import { FACTOR_DTYPES, type FactorDTypeName } from '../../model/lora/factors.ts'
import { DEFAULT_RANK, type FactorOptions, MAX_RANK, MAX_SEED } from '../../operations/lora/factor-options.ts'
import { RANK_METHODS, type RankRule } from '../../operations/lora/rank-rule.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { filledText } from '../shared/options.ts'
import { messages } from './messages.ts'

/** Rank of `auto`: what LoRAs for SD are at most published with. */
const AUTO_LIMIT = 128
const AUTO_RULE = { method: 'sv_fro', target: 0.95 } as const

const DYNAMIC = RANK_METHODS.filter((method) => method !== 'fixed')

/** @param seeds what the random sketches are for */
export function withFactorOptions(yargs: Argv, seeds: string): Argv {
  return yargs
    .option('rank', {
      type: 'string',
      nargs: 1,
      describe: messages.rank(`${AUTO_RULE.method}=${AUTO_RULE.target}`, AUTO_LIMIT),
      defaultDescription: String(DEFAULT_RANK),
    })
    .option('conv-rank', {
      type: 'string',
      nargs: 1,
      describe: messages.convRank,
      defaultDescription: messages.convRankDefault,
    })
    .option('dynamic', {
      type: 'string',
      nargs: 1,
      describe: messages.dynamic,
    })
    .option('dtype', { choices: Object.keys(FACTOR_DTYPES), describe: messages.factorType })
    .option('seed', { type: 'string', nargs: 1, describe: seeds, defaultDescription: '0' })
}

/** @throws USAGE (exit 2) */
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
  const hint = option === 'rank' ? messages.rankRangeOrAuto : messages.rankRange
  throw usage(messages.notRank(option, text), hint(MAX_RANK))
}

function dynamicRule(args: Arguments): Pick<RankRule, 'method' | 'target'> | undefined {
  const text = filledText(args, 'dynamic')
  if (text === undefined) return undefined
  const [name = '', value = ''] = text.split('=', 2)
  const target = Number(value)
  const method = DYNAMIC.find((one) => one === name)
  if (method === undefined || value === '') throw usage(messages.noSuchRule(text), messages.rules(DYNAMIC))
  if (method === 'sv_ratio') {
    if (!(target >= 1 && Number.isFinite(target))) throw usage(messages.ratioTarget(text))
  } else if (!(target > 0 && target <= 1)) throw usage(messages.shareTarget(text, method))
  return { method, target }
}

/** @throws USAGE (exit 2) */
function seedOf(args: Arguments): number {
  const text = filledText(args, 'seed') ?? '0'
  const seed = Number(text)
  if (/^\d+$/.test(text) && seed <= MAX_SEED) return seed
  throw usage(messages.seedRange(text, MAX_SEED))
}
