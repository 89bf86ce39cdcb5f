/**
 * Options of recipes of version 1, which were those of the command line, as version 2 has them. The only place that
 * knows the old spelling.
 */
import { defined } from '../system/defined.ts'
import type { JsonValue } from '../system/json.ts'

type JsonOptions = { readonly [key: string]: JsonValue }

/** What became of an option: a new value, under a new name where it has one. */
type Migration = Readonly<Record<string, (value: JsonValue) => readonly [name: string, value: JsonValue]>>

/** `['fp16', 'vae=fp32']`, in the case in which a person typed it. */
function dtypes(value: JsonValue): readonly [string, JsonValue] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return ['dtype', value]
  const items = value.map((item) => item.split('=', 2) as [string, string | undefined])
  const by = items.flatMap(([name, type]) => (type === undefined ? [] : [[name, type.toLowerCase()]]))
  const all = items.findLast(([, type]) => type === undefined)?.[0].toLowerCase()
  return ['dtype', { ...defined({ all }), ...(by.length === 0 ? {} : { by: Object.fromEntries(by) }) }]
}

/** `[0.7, { unet: 0.7, text: 0.5 }]` */
function ratios(value: JsonValue): readonly [string, JsonValue] {
  if (!Array.isArray(value)) return ['ratios', value]
  return ['ratios', value.map((ratio) => (typeof ratio === 'number' ? { unet: ratio, text: ratio } : ratio))]
}

const MIGRATIONS: Readonly<Record<string, Migration>> = {
  convert: { dtype: dtypes },
  prune: { dtype: dtypes },
  'lora merge': { ratios },
  merge: { dtype: dtypes, 'blocks-beta': (value) => ['betaBlocks', value] },
  'merge-lora': { dtype: dtypes },
}

function listed(value: JsonValue | undefined): readonly JsonValue[] {
  return value === undefined ? [] : ([value].flat() as JsonValue[])
}

/**
 * Ratios of LoRAs, 0.7 or { unet: 0.7, text: 0.5 }, and texts of ratios of blocks, of each LoRA or one for all: ALL
 * stood for LoRAs without.
 */
function loras({ ratios = [], blocks, ...others }: JsonOptions): JsonOptions {
  const [given, texts] = [listed(ratios), listed(blocks)]
  const blocksOf = (i: number) => texts[texts.length === 1 ? 0 : i] ?? 'ALL'
  const one = (ratio: JsonValue, i: number) => ({
    ratio: typeof ratio === 'number' ? { unet: ratio, text: ratio } : ratio,
    ...(blocksOf(i) !== 'ALL' && { blocks: blocksOf(i) }),
  })
  const isOdd = texts.length > 1 && texts.length !== given.length
  return { loras: given.map(one), ...others, ...(isOdd && { blocks: texts }) }
}

/** `rank: '32'` and `dynamic: 'sv_fro=0.9'` became one rule. */
function rankRule({ rank, dynamic, ...others }: JsonOptions): JsonOptions {
  if (rank === undefined && dynamic === undefined) return others
  const limit = typeof rank === 'string' && /^\d+$/.test(rank) ? Number(rank) : (rank ?? null)
  if (dynamic === undefined) return { rank: { method: 'fixed', limit }, ...others }
  const [method = '', target] = typeof dynamic === 'string' ? dynamic.split('=', 2) : []
  return { rank: { method, target: target ? Number(target) : null, limit }, ...others }
}

/** What several options became together. */
const JOINED: Readonly<Record<string, (options: JsonOptions) => JsonOptions>> = {
  'merge-lora': loras,
  'extract lora': rankRule,
  'lora resize': rankRule,
}

/** What computed the products stood among the options, of whatever verb. */
const ENGINE = 'engine'

export function engineOfV1(options: JsonOptions): string | undefined {
  const engine = Object.hasOwn(options, ENGINE) ? options[ENGINE] : undefined
  return typeof engine === 'string' ? engine : undefined
}

/** Options of a verb from a recipe of version 1. What is not to be read stays as it is, for its reader to refuse. */
export function migrateOptions(verb: string, options: JsonOptions): JsonOptions {
  const migration = Object.hasOwn(MIGRATIONS, verb) ? MIGRATIONS[verb]! : {}
  const isEngine = engineOfV1(options) !== undefined
  const own = Object.hasOwn(JOINED, verb) ? JOINED[verb]!(options) : options
  return Object.fromEntries(
    Object.entries(own)
      .filter(([name]) => !(isEngine && name === ENGINE))
      .map(([name, value]) => (Object.hasOwn(migration, name) ? migration[name]!(value) : [name, value])),
  )
}
