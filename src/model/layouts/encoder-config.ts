/** Configurations of text encoders. Source of the keys and values: the published pipelines. */
import type { Tensor } from '../../tensor/values/table.ts'
import { type Config, TRANSFORMERS } from './diffusers-families.ts'
import type { Locals } from './openclip.ts'

const CLIP_HEADS: Readonly<Record<number, number>> = { 1024: 16, 1280: 20 }
const CLIP_L_HEADS = 12

export function isOpenClip(encoder: Locals): boolean {
  return Object.hasOwn(CLIP_HEADS, shapeOf(encoder, 'embeddings.token_embedding.weight')[1]!)
}

function shapeOf(encoder: Locals, name: string): readonly number[] {
  return (encoder.get(`text_model.${name}`) as Tensor).shape
}

/** @param name the class, where a projection alone does not tell it */
export function clipConfig(
  encoder: Locals,
  name = encoder.has('text_projection.weight') ? 'CLIPTextModelWithProjection' : 'CLIPTextModel',
): Config {
  const [vocabulary, width] = shapeOf(encoder, 'embeddings.token_embedding.weight') as [number, number]
  const layers = [...encoder.keys()].filter((name) => name.endsWith('.layer_norm1.weight')).length
  const projection = encoder.get('text_projection.weight')
  return {
    architectures: [name],
    bos_token_id: 0,
    eos_token_id: 2,
    hidden_act: isOpenClip(encoder) ? 'gelu' : 'quick_gelu',
    hidden_size: width,
    intermediate_size: shapeOf(encoder, 'encoder.layers.0.mlp.fc1.weight')[0]!,
    layer_norm_eps: 1e-5,
    max_position_embeddings: shapeOf(encoder, 'embeddings.position_embedding.weight')[0]!,
    model_type: 'clip_text_model',
    num_attention_heads: CLIP_HEADS[width] ?? CLIP_L_HEADS,
    num_hidden_layers: layers,
    pad_token_id: 1,
    projection_dim: projection?.shape[0] ?? width,
    transformers_version: TRANSFORMERS,
    vocab_size: vocabulary,
  }
}

/** T5 v1.1 and UMT5: gated, with an encoder alone. */
export function t5Config(encoder: Locals, name: string): Config {
  const [vocabulary, width] = encoder.get('shared.weight')!.shape as [number, number]
  const shape = (key: string) => encoder.get(`encoder.block.0.layer.${key}.weight`)!.shape
  const [buckets, heads] = shape('0.SelfAttention.relative_attention_bias') as [number, number]
  const isUmt5 = name.startsWith('UMT5')
  return {
    architectures: [name],
    d_ff: shape('1.DenseReluDense.wi_0')[0]!,
    d_kv: shape('0.SelfAttention.q')[0]! / heads,
    d_model: width,
    decoder_start_token_id: 0,
    dense_act_fn: 'gelu_new',
    dropout_rate: 0.1,
    eos_token_id: 1,
    feed_forward_proj: 'gated-gelu',
    is_encoder_decoder: true,
    is_gated_act: true,
    layer_norm_epsilon: 1e-6,
    model_type: isUmt5 ? 'umt5' : 't5',
    num_heads: heads,
    num_layers: [...encoder.keys()].filter((key) => key.endsWith('.SelfAttention.q.weight')).length,
    pad_token_id: 0,
    relative_attention_max_distance: 128,
    relative_attention_num_buckets: buckets,
    tie_word_embeddings: false,
    transformers_version: TRANSFORMERS,
    vocab_size: vocabulary,
  }
}
