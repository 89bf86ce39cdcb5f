import { isJsonObject, type JsonObject, parseJsonText } from '../metadata/json-text.ts'
import type { JsonValue } from '../recipe.ts'
import type { TargetId } from './targets.ts'

/** What PEFT keeps outside of the tensors: without it the scale of its adapters would be 1. */
export interface PeftConfig {
  readonly target: TargetId
  readonly rank?: number
  readonly alpha?: number
  /** alpha / sqrt(rank) instead of alpha / rank. */
  readonly rankStabilised: boolean
  /** Some modules have an alpha of their own (`alpha_pattern`). */
  readonly patterned: boolean
  /** Those: end of a module's path -> alpha, in order. */
  readonly alphas: readonly (readonly [pattern: string, alpha: number])[]
}

/** Metadata key of newer diffusers: one flat object, `unet.lora_alpha` and so on. Source: diffusers `lora_base.py`. */
const KEY = 'lora_adapter_metadata'

const COMPONENTS: readonly (readonly [prefix: string, target: TargetId])[] = [
  ['unet', 'unet'],
  ['transformer', 'unet'],
  ['text_encoder', 'te1'],
  ['text_encoder_2', 'te2'],
  ['text_encoder_3', 'te3'],
]

/** The adapter configurations in the metadata of a safetensors file; none for other trainers. Never throws. */
export function peftConfigs(metadata: Readonly<Record<string, string>>): PeftConfig[] {
  const config = parseJsonText(Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined)
  if (!isJsonObject(config)) return []
  return COMPONENTS.flatMap(([prefix, target]) => {
    const isThere = Object.keys(config).some((key) => key.startsWith(`${prefix}.`))
    return isThere ? [componentConfig(config, prefix, target)] : []
  })
}

function componentConfig(config: JsonObject, prefix: string, target: TargetId): PeftConfig {
  const [rank, alpha] = [number(config, `${prefix}.r`), number(config, `${prefix}.lora_alpha`)]
  const alphas = patternAlphas(config[`${prefix}.alpha_pattern`])
  return {
    target,
    ...(rank === undefined ? {} : { rank }),
    ...(alpha === undefined ? {} : { alpha }),
    rankStabilised: config[`${prefix}.use_rslora`] === true,
    patterned: alphas.length > 0,
    alphas,
  }
}

function patternAlphas(pattern: JsonValue | undefined): (readonly [string, number])[] {
  if (!isJsonObject(pattern)) return []
  return Object.keys(pattern).flatMap((key) => {
    const alpha = number(pattern, key)
    return alpha === undefined ? [] : [[key, alpha] as const]
  })
}

function number(config: JsonObject, key: string): number | undefined {
  const value = config[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
