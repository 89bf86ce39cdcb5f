/** Where the settings of an adapter stand that are not in its tensors: a file beside it, and texts in its header. */

import { isJsonObject, type JsonObject, parseJsonText } from '../../../system/json.ts'
import type { Companion, TensorTable } from '../../../tensor/values/table.ts'
import type { TargetId } from '../targets.ts'
import { type PeftConfig, peftConfig, UnreadableConfig } from './config.ts'
import { messages } from './messages.ts'

/** What was found; `problems` are sentences about what is there and cannot be followed. */
export interface PeftSettings {
  readonly configs: readonly PeftConfig[]
  readonly problems: readonly string[]
}

/** A table of a file, with what lies beside it. */
export interface AdapterTable extends TensorTable {
  readonly companion?: Companion
}

/** Names of the parts of a pipeline of diffusers. */
const COMPONENTS: readonly (readonly [prefix: string, target: TargetId])[] = [
  ['unet', 'unet'],
  ['transformer', 'unet'],
  ['text_encoder', 'te1'],
  ['text_encoder_2', 'te2'],
  ['text_encoder_3', 'te3'],
]

/** All settings of a file, in no order: where two of them disagree, none is right. Never throws. */
export function peftSettings({ companion, metadata }: AdapterTable): PeftSettings {
  const found: Found[] = [
    ...(companion === undefined ? [] : [companionConfig(companion)]),
    ...embeddedConfigs(metadata),
    ...headerAlphas(metadata),
  ]
  return {
    configs: found.filter((one) => typeof one !== 'string'),
    problems: found.filter((one) => typeof one === 'string'),
  }
}

type Found = PeftConfig | string

function attempt(source: string, read: () => PeftConfig): Found {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableConfig) return `${source}: ${error.message}`
    throw error
  }
}

function companionConfig({ name, text }: Companion): Found {
  if (text === undefined) return messages.tooLarge(name)
  const value = parseJsonText(text)
  if (!isJsonObject(value)) return messages.notJson(name)
  return attempt(name, () => peftConfig(value, name, { isWhole: true }))
}

/**
 * Metadata key of newer diffusers, which also SimpleTuner writes: one flat object, `unet.lora_alpha` and so on, or that of
 * one network without a prefix. Source: diffusers `lora_base.py`, `peft.py` (`save_lora_adapter`).
 */
const EMBEDDED = 'lora_adapter_metadata'

function embeddedConfigs(metadata: TensorTable['metadata']): Found[] {
  const text = own(metadata, EMBEDDED)
  if (text === undefined) return []
  const value = parseJsonText(text)
  const source = messages.inMetadata(EMBEDDED)
  if (!isJsonObject(value)) return [messages.notJson(source)]
  const parts = COMPONENTS.flatMap(([prefix, target]): Found[] => {
    const values = withoutPrefix(value, `${prefix}.`)
    return values === undefined
      ? []
      : [attempt(source, () => peftConfig(values, source, { target, isWhole: false }))]
  })
  const isBare = ['lora_alpha', 'r', 'peft_type'].some((key) => Object.hasOwn(value, key))
  return isBare
    ? [
        ...parts,
        attempt(source, () => peftConfig(value, source, { isWhole: Object.hasOwn(value, 'peft_type') })),
      ]
    : parts
}

/**
 * What lies beside an adapter as metadata of a file that is made of it, which may lie elsewhere: in the form of diffusers'
 * `save_lora_adapter`.
 */
export function embeddedSettings({ companion }: AdapterTable): Record<string, string> {
  return companion?.text === undefined ? {} : { [EMBEDDED]: companion.text }
}

function withoutPrefix(value: JsonObject, prefix: string): JsonObject | undefined {
  const mine = Object.entries(value).filter(([key]) => key.startsWith(prefix))
  if (mine.length === 0) return undefined
  return Object.fromEntries(mine.map(([key, one]) => [key.slice(prefix.length), one]))
}

/**
 * One alpha for all of the file, or for a part: `alpha` of LightX2V, `lora_alpha` of VideoX-Fun, `transformer.lora_alpha`.
 * Sources: the readers of SGLang (`lora_alpha`, `network_alpha`, `alpha`) and diffusers (`alpha`, MiniMax-H3), which
 * divide it by the rank of each module.
 */
const ALPHA_KEYS = ['lora_alpha', 'network_alpha', 'alpha'] as const

function headerAlphas(metadata: TensorTable['metadata']): Found[] {
  const parts = [
    ['', undefined],
    ...COMPONENTS.map(([prefix, target]) => [`${prefix}.`, target] as const),
  ] as const
  return parts.flatMap(([prefix, target]) => {
    return ALPHA_KEYS.flatMap((key) => headerAlpha(metadata, prefix, key, target) ?? [])
  })
}

function headerAlpha(
  metadata: TensorTable['metadata'],
  prefix: string,
  name: (typeof ALPHA_KEYS)[number],
  target: TargetId | undefined,
): Found | undefined {
  const text = own(metadata, prefix + name)?.trim()
  if (text === undefined || NOTHING.has(text.toLowerCase())) return undefined
  const source = messages.keyInMetadata(prefix + name)
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return messages.textNotNumber(source, text)
  const values = {
    lora_alpha: Number(text),
    use_rslora: own(metadata, `${prefix}use_rslora`)?.toLowerCase() === 'true',
    alpha_pattern: parseJsonText(own(metadata, `${prefix}alpha_pattern`)) ?? null,
  }
  return attempt(source, () => peftConfig(values, source, { ...(target && { target }), isWhole: false }))
}

/** What programs write for no value. */
/** The metadata of a file whose tensors say all that these keys would say. */
export function withoutSettings(metadata: TensorTable['metadata']): Record<string, string> {
  const prefixes = ['', ...COMPONENTS.map(([prefix]) => `${prefix}.`)]
  const keys = new Set([
    EMBEDDED,
    ...prefixes.flatMap((prefix) =>
      [...ALPHA_KEYS, 'use_rslora', 'alpha_pattern'].map((key) => prefix + key),
    ),
  ])
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.has(key)))
}

const NOTHING: ReadonlySet<string> = new Set(['', 'none', 'null'])

function own(metadata: TensorTable['metadata'], key: string): string | undefined {
  return Object.hasOwn(metadata, key) ? metadata[key] : undefined
}
