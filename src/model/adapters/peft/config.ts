/** The configuration of an adapter of PEFT, as it stands in `adapter_config.json` and in metadata. */
import { defined } from '../../../system/defined.ts'
import { refuse, type SdtoolError } from '../../../system/errors.ts'
import { isJsonObject, type JsonObject, type JsonValue, ownValue } from '../../../system/json.ts'
import { printable } from '../../../system/text.ts'
import type { TargetId } from '../targets.ts'
import { messages } from './messages.ts'
import type { Patterns } from './patterns.ts'

/** What PEFT keeps outside of the tensors: without it the scale of its adapters would be 1. */
export interface PeftConfig {
  /** Where it stands, for people: `adapter_config.json`. */
  readonly source: string
  /** The part of the model it is for; undefined: all of the file. */
  readonly target?: TargetId
  /** `peft_type`. */
  readonly type?: PeftType
  readonly rank?: number
  readonly alpha?: number
  /** alpha / sqrt(rank) instead of alpha / rank. */
  readonly rankStabilised: boolean
  /** Ranks and alphas of single modules. */
  readonly ranks: Patterns
  readonly alphas: Patterns
  readonly oft?: OftConfig
  /** Of IA3: modules whose inputs are scaled, by the end of their name; as a text a regular expression. */
  readonly feedforward?: string | readonly string[]
}

export interface OftConfig {
  /** Terms of the Cayley-Neumann series; 0: the Cayley transform itself. */
  readonly terms: number
  /** COFT: the limit of the norm of a block, times the square root of their number. */
  readonly limit?: number
  readonly isShared: boolean
  /** PEFT has summed another series before 0.18. */
  readonly isOld: boolean
}

/** Kinds of adapters that are read, with the algorithm whose tensors they have. */
export const PEFT_TYPES = {
  LORA: 'lora',
  LOHA: 'loha',
  LOKR: 'lokr',
  OFT: 'peft-oft',
  BOFT: 'peft-boft',
  IA3: 'peft-ia3',
} as const

export type PeftType = keyof typeof PEFT_TYPES

/** Defaults of `LoraConfig`, `LoHaConfig`, `LoKrConfig`, which write every value: for files made by hand. */
const DEFAULT_RANK = 8
const DEFAULT_ALPHA = 8
/** Defaults of `OFTConfig`. */
const DEFAULT_TERMS = 5
const DEFAULT_LIMIT = 6e-5
/** Each costs a product of blocks; the default is 5. */
const MAX_TERMS = 100

/** Why a configuration cannot be followed, as a sentence about it. */
export class UnreadableConfig extends Error {}

/** The refusal of a module that needs it. */
export function configRefusal(problem: string): SdtoolError {
  return refuse('PEFT_CONFIG', problem, messages.putConfig)
}

/**
 * Reads the values of one configuration.
 * @param isWhole it is a file of PEFT's own, where what is missing has PEFT's defaults
 * @throws UnreadableConfig
 */
export function peftConfig(
  values: JsonObject,
  source: string,
  { target, isWhole }: { readonly target?: TargetId; readonly isWhole: boolean },
): PeftConfig {
  const type = typeOf(values)
  checkFollowed(values)
  const isRanked = type === undefined || type === 'LORA' || type === 'LOHA' || type === 'LOKR'
  const [rank, alpha] = isRanked ? scaleOf(values, type, isWhole) : []
  return {
    source,
    ...defined({ target, type, rank, alpha }),
    rankStabilised: flagOf(values, 'use_rslora'),
    ranks: patternsOf(values, 'rank_pattern', checkRank),
    alphas: patternsOf(values, 'alpha_pattern'),
    ...(type === 'OFT' ? { oft: oftOf(values) } : {}),
    ...(type === 'IA3' ? { feedforward: feedforwardOf(values) } : {}),
  }
}

function typeOf(values: JsonObject): PeftType | undefined {
  const type = ownValue(values, 'peft_type')
  if (type === undefined || type === null) return undefined
  if (typeof type === 'string' && Object.hasOwn(PEFT_TYPES, type)) return type as PeftType
  throw new UnreadableConfig(messages.unknownType(shown(type), Object.keys(PEFT_TYPES).join(', ')))
}

/** Ways to begin that take the adapter's start out of the weights of the base: what is trained belongs to that rest. */
const CHANGES_BASE = /^(?:pissa|corda|olora|loftq|lora_ga)/i

/** Settings with which the change is not alpha / rank * up @ down, or is not made of weights alone. */
const NOT_FOLLOWED = [
  'use_qalora',
  'use_bdlora',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'alora_invocation_tokens',
  'layer_replication',
] as const

function checkFollowed(values: JsonObject): void {
  const init = ownValue(values, 'init_lora_weights')
  if (typeof init === 'string' && CHANGES_BASE.test(init))
    throw new UnreadableConfig(messages.changedBase(shown(init)))
  const other = NOT_FOLLOWED.find((key) => {
    const value = ownValue(values, key)
    return value !== undefined && value !== null && value !== false
  })
  if (other !== undefined) throw new UnreadableConfig(messages.notFollowed(other))
}

function scaleOf(
  values: JsonObject,
  type: PeftType | undefined,
  isWhole: boolean,
): [rank: number | undefined, alpha: number | undefined] {
  const rank = numberOf(values, 'r')
  if (rank !== undefined) checkRank('r', rank)
  const alpha = numberOf(values, type === undefined || type === 'LORA' ? 'lora_alpha' : 'alpha')
  return isWhole ? [rank ?? DEFAULT_RANK, alpha ?? DEFAULT_ALPHA] : [rank, alpha]
}

function checkRank(key: string, rank: number): void {
  if (!Number.isInteger(rank) || rank < 1) throw new UnreadableConfig(messages.badRank(key, rank))
}

function patternsOf(
  values: JsonObject,
  key: string,
  check: (key: string, value: number) => void = () => {},
): Patterns {
  const pattern = ownValue(values, key)
  if (pattern === undefined || pattern === null) return []
  if (!isJsonObject(pattern)) throw new UnreadableConfig(messages.notAnObject(key, shown(pattern)))
  return Object.keys(pattern).map((name) => {
    const value = numberOf(pattern, name)
    if (value === undefined) throw new UnreadableConfig(messages.noNumberFor(key, name))
    check(messages.keyFor(key, name), value)
    return [name, value] as const
  })
}

function oftOf(values: JsonObject): OftConfig {
  if (ownValue(values, 'oft_block_size') === undefined) throw new UnreadableConfig(messages.oldOft)
  const isSeries = flagOf(values, 'use_cayley_neumann', true)
  const terms = numberOf(values, 'num_cayley_neumann_terms') ?? DEFAULT_TERMS
  if (!Number.isInteger(terms) || terms < 1 || terms > MAX_TERMS)
    throw new UnreadableConfig(messages.badTerms(terms, MAX_TERMS))
  const limit = numberOf(values, 'eps') ?? DEFAULT_LIMIT
  if (limit < 0) throw new UnreadableConfig(messages.badEps(limit))
  return {
    terms: isSeries ? terms : 0,
    ...(flagOf(values, 'coft') ? { limit } : {}),
    isShared: flagOf(values, 'block_share'),
    isOld: isSeries && isBefore18(ownValue(values, 'peft_version')),
  }
}

/** Files name the version since 0.18.0. */
function isBefore18(version: JsonValue | undefined): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(typeof version === 'string' ? version : '') ?? []
  return minor === undefined || (Number(major) === 0 && Number(minor) < 18)
}

function feedforwardOf(values: JsonObject): string | string[] {
  const modules = ownValue(values, 'feedforward_modules') ?? []
  if (typeof modules === 'string') return modules
  if (Array.isArray(modules) && modules.every((name) => typeof name === 'string')) return modules as string[]
  throw new UnreadableConfig(messages.badFeedforward(shown(modules)))
}

function flagOf(values: JsonObject, key: string, otherwise = false): boolean {
  const value = ownValue(values, key)
  if (value === undefined || value === null) return otherwise
  if (typeof value === 'boolean') return value
  throw new UnreadableConfig(messages.notABoolean(key, shown(value)))
}

function numberOf(values: JsonObject, key: string): number | undefined {
  const value = ownValue(values, key)
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new UnreadableConfig(messages.notANumber(key, shown(value)))
}

const MAX_SHOWN = 60

function shown(value: JsonValue): string {
  return printable(JSON.stringify(value), MAX_SHOWN)
}
