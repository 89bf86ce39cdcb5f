import { defined } from '../../system/defined.ts'
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEntries,
  ownValue,
  parseJsonText,
} from '../../system/json.ts'
import { type Fact, fact, type Metadata, scalarText, textOf } from './facts.ts'

export interface MergedModel {
  readonly sha256?: string
  /** AutoV1. */
  readonly legacyHash?: string
  readonly name?: string
  /** Was itself the result of a merge. */
  readonly merged: boolean
}

/** How a checkpoint was merged by the WebUI or by supermerger. */
export interface MergeSummary {
  /** `webui`, `sd-webui-supermerger`. */
  readonly tool?: string
  readonly facts: readonly Fact[]
  readonly models: readonly MergedModel[]
}

/** A merge of merges lists all its ancestors; more than this is of no use to a reader. */
const MAX_MODELS = 100
const MAX_FACTS = 60

/**
 * Reads `sd_merge_recipe` and `sd_merge_models`; undefined if there is neither. Never throws.
 * Sources: AUTOMATIC1111 `modules/extras.py`, hako-mikan/sd-webui-supermerger.
 */
export function mergeSummary(metadata: Metadata): MergeSummary | undefined {
  const recipe = parseJsonText(textOf(metadata, 'sd_merge_recipe'))
  const models = jsonEntries(parseJsonText(textOf(metadata, 'sd_merge_models')))
  if (!isJsonObject(recipe) && models.length === 0) return undefined
  const tool = isJsonObject(recipe) ? text(recipe, 'type') : undefined
  return {
    ...defined({ tool }),
    facts: isJsonObject(recipe) ? recipeFacts(recipe) : [],
    models: models.slice(0, MAX_MODELS).map(([hash, value]) => mergedModel(hash, value)),
  }
}

/** Every plain field that says something; the tools have dozens, under changing names. */
function recipeFacts(recipe: JsonObject): Fact[] {
  return Object.entries(recipe)
    .flatMap(([name, value]) => {
      const isSet = name !== 'type' && value !== false
      return isSet ? fact('sd_merge_recipe', name.replaceAll('_', ' '), scalarText(value)) : []
    })
    .slice(0, MAX_FACTS)
}

function mergedModel(hash: string, value: JsonValue): MergedModel {
  const entry = isJsonObject(value) ? value : {}
  const [name, legacyHash] = [text(entry, 'name'), text(entry, 'legacy_hash')]
  return {
    ...(/^[0-9a-f]{64}$/i.test(hash) ? { sha256: hash.toLowerCase() } : {}),
    ...defined({ legacyHash, name }),
    merged: isJsonObject(ownValue(entry, 'sd_merge_recipe')),
  }
}

function text(object: JsonObject, key: string): string | undefined {
  const value = ownValue(object, key)
  return typeof value === 'string' && value !== '' ? value : undefined
}
