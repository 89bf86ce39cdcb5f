import { type Fact, type FactRule, factsByRules, type Metadata, textOf } from './facts.ts'

/** Source: Stability-AI/ModelSpec, version 1.0.1. */
const RULES: readonly FactRule[] = [
  { label: 'title', keys: ['modelspec.title'] },
  { label: 'architecture', keys: ['modelspec.architecture'] },
  { label: 'implementation', keys: ['modelspec.implementation'] },
  { label: 'implementation version', keys: ['modelspec.implementation_version'] },
  { label: 'author', keys: ['modelspec.author'] },
  { label: 'license', keys: ['modelspec.license'] },
  { label: 'date', keys: ['modelspec.date'] },
  { label: 'description', keys: ['modelspec.description'] },
  { label: 'usage hint', keys: ['modelspec.usage_hint'] },
  { label: 'trigger phrase', keys: ['modelspec.trigger_phrase'] },
  { label: 'tags', keys: ['modelspec.tags'] },
  { label: 'resolution', keys: ['modelspec.resolution'] },
  { label: 'prediction type', keys: ['modelspec.prediction_type', 'modelspec.predict_key'] },
  { label: 'timestep range', keys: ['modelspec.timestep_range'] },
  { label: 'encoder layer', keys: ['modelspec.encoder_layer'] },
  { label: 'preprocessor', keys: ['modelspec.preprocessor'] },
  { label: 'negative embedding', keys: ['modelspec.is_negative_embedding'] },
  { label: 'merged from', keys: ['modelspec.merged_from'] },
  { label: 'UNet type', keys: ['modelspec.unet_dtype'] },
  { label: 'VAE type', keys: ['modelspec.vae_dtype'] },
  { label: 'hash of the tensors', keys: ['modelspec.hash_sha256'] },
]

export interface ModelspecSummary {
  readonly facts: readonly Fact[]
  /** Present, not decoded: a picture in a file from a stranger is not ours to open. */
  readonly thumbnail?: { readonly mime: string; readonly bytes: number }
}

const DATA_URL = /^data:(image\/[a-z0-9.+-]{1,40});base64,/i

/** What the file says of itself in `modelspec.*` keys; undefined if it has none. */
export function modelspecSummary(metadata: Metadata): ModelspecSummary | undefined {
  if (!Object.keys(metadata).some((key) => key.startsWith('modelspec.'))) return undefined
  const image = textOf(metadata, 'modelspec.thumbnail')
  const url = image === undefined ? null : DATA_URL.exec(image)
  const facts = factsByRules(metadata, RULES)
  if (image === undefined || url === null) return { facts }
  const bytes = Math.floor(((image.length - url[0].length) * 3) / 4) // base64: 4 characters for 3 bytes
  return { facts, thumbnail: { mime: url[1]!, bytes } }
}
