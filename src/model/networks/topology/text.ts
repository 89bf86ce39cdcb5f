import { type Keys, linear, norm } from './layers.ts'
import type { Topology } from './match.ts'

export interface ClipConfig {
  readonly width: number
  readonly layers: number
  /** Width of the hidden layer of the MLP, 4 x width in every published CLIP. */
  readonly hidden: number
  /** Rows of the token table; more than 49408 if tokens were trained into it. */
  readonly vocabulary: number
  /** Tokens of a prompt. */
  readonly positions: number
  /** `text_projection` and, in OpenCLIP layout, `logit_scale`. */
  readonly projection?: boolean
}

export const CLIP_VOCABULARY = 49408
export const CLIP_POSITIONS = 77

/** A CLIP text encoder with the usual vocabulary, prompt length and MLP. */
export function clip(width: number, layers: number, projection = false): ClipConfig {
  return {
    width,
    layers,
    hidden: 4 * width,
    vocabulary: CLIP_VOCABULARY,
    positions: CLIP_POSITIONS,
    projection,
  }
}

/** Keys and shapes of a CLIP text encoder as transformers names them, without prefix (`text_model.` included). */
export function clipTopology(config: ClipConfig): Topology {
  const { width, hidden } = config
  const keys: Keys = new Map()
  keys.set('text_model.embeddings.token_embedding.weight', [config.vocabulary, width])
  keys.set('text_model.embeddings.position_embedding.weight', [config.positions, width])
  for (let i = 0; i < config.layers; i++) {
    const layer = `text_model.encoder.layers.${i}`
    for (const part of ['k', 'v', 'q', 'out']) linear(keys, `${layer}.self_attn.${part}_proj`, width, width)
    norm(keys, `${layer}.layer_norm1`, width)
    linear(keys, `${layer}.mlp.fc1`, hidden, width)
    linear(keys, `${layer}.mlp.fc2`, width, hidden)
    norm(keys, `${layer}.layer_norm2`, width)
  }
  norm(keys, 'text_model.final_layer_norm', width)
  if (config.projection) keys.set('text_projection.weight', [width, width])
  return keys
}

/** Keys a CLIP text encoder may have besides; neither is needed to use it. */
export function clipOptional({ width, positions }: ClipConfig): Topology {
  return new Map([
    ['text_model.embeddings.position_ids', [1, positions]],
    ['text_projection.weight', [width, width]],
    ['logit_scale', []],
  ])
}

/** Keys and shapes of an OpenCLIP text encoder, without prefix. Source: open_clip/transformer.py. */
export function openClipTopology(config: ClipConfig): Topology {
  const { width, hidden } = config
  const keys: Keys = new Map()
  keys.set('positional_embedding', [config.positions, width])
  keys.set('token_embedding.weight', [config.vocabulary, width])
  for (let i = 0; i < config.layers; i++) {
    const block = `transformer.resblocks.${i}`
    norm(keys, `${block}.ln_1`, width)
    keys.set(`${block}.attn.in_proj_weight`, [3 * width, width]) // rows: q, k, v
    keys.set(`${block}.attn.in_proj_bias`, [3 * width])
    linear(keys, `${block}.attn.out_proj`, width, width)
    norm(keys, `${block}.ln_2`, width)
    linear(keys, `${block}.mlp.c_fc`, hidden, width)
    linear(keys, `${block}.mlp.c_proj`, width, hidden)
  }
  norm(keys, 'ln_final', width)
  if (config.projection) {
    keys.set('text_projection', [width, width])
    keys.set('logit_scale', [])
  }
  return keys
}

/** Keys an OpenCLIP text encoder may have besides. */
export function openClipOptional({ width, positions }: ClipConfig): Topology {
  return new Map([
    ['text_projection', [width, width]],
    ['logit_scale', []],
    ['attn_mask', [positions, positions]],
    ['transformer.text_model.embeddings.position_ids', [1, positions]],
  ])
}
