import { alias } from '../template/alias.ts'
import { layer, optional, parameter, weight } from '../template/row.ts'
import type { EncoderNetwork } from './encoder.ts'

/** Sources: transformers, `modeling_t5.py`, `modeling_umt5.py` and `modeling_bert.py`, where no other is named. */

const BLOCK = 'encoder.block.{block}.layer'

const T5_ATTENTION = [
  weight('shared', 'vocab width'),
  weight(`${BLOCK}.0.SelfAttention.{q,k,v}`, 'inner width'),
  weight(`${BLOCK}.0.SelfAttention.o`, 'width inner'),
  weight(`${BLOCK}.{0,1}.layer_norm`, 'width'),
  weight('encoder.final_layer_norm', 'width'),
  optional('second_table', weight('encoder.embed_tokens', 'vocab width')),
].flat()

/** The table of 32 relative distances that all blocks share. */
const SHARED_DISTANCES = weight(
  'encoder.block.{block=first}.layer.0.SelfAttention.relative_attention_bias',
  '32 heads',
)
const OWN_DISTANCES = weight(`${BLOCK}.0.SelfAttention.relative_attention_bias`, '32 heads')

const GATED = [
  weight(`${BLOCK}.1.DenseReluDense.wi_{0,1}`, 'ff width'),
  weight(`${BLOCK}.1.DenseReluDense.wo`, 'width ff'),
].flat()

const UNGATED = [
  weight(`${BLOCK}.1.DenseReluDense.wi`, 'ff width'),
  weight(`${BLOCK}.1.DenseReluDense.wo`, 'width ff'),
].flat()

/** Source: llama.cpp, gguf-py/gguf/tensor_mapping.py. */
const LLAMA_CPP = [
  alias('token_embd', 'shared'),
  alias('enc.blk.{block}.attn_{q,k,v,o}', `${BLOCK}.0.SelfAttention.{q,k,v,o}`),
  alias('enc.blk.{block}.attn_rel_b', `${BLOCK}.0.SelfAttention.relative_attention_bias`),
  alias('enc.blk.{block}.{attn,ffn}_norm', `${BLOCK}.{0,1}.layer_norm`),
  alias('enc.blk.{block}.ffn_{gate,up}', `${BLOCK}.1.DenseReluDense.wi_{0,1}`),
  alias('enc.blk.{block}.ffn_up', `${BLOCK}.1.DenseReluDense.wi`),
  alias('enc.blk.{block}.ffn_down', `${BLOCK}.1.DenseReluDense.wo`),
  alias('enc.output_norm', 'encoder.final_layer_norm'),
].flat()

const SHAPE = { llamaCpp: LLAMA_CPP, counter: 'block', width: 'width' } as const

/** T5 1.1 and mT5. */
const T5: EncoderNetwork = {
  ...SHAPE,
  template: [T5_ATTENTION, SHARED_DISTANCES, GATED].flat(),
  members: [
    {
      id: 't5xxl',
      dims: { vocab: 32_128, width: 4096, inner: 4096, heads: 64, ff: 10240, block: 24 },
      vocabulary: [32_000, 33_000],
    },
    {
      id: 't5xl',
      dims: { vocab: 32_128, width: 2048, inner: 2048, heads: 32, ff: 5120, block: 24 },
      vocabulary: [32_000, 33_000],
    },
    {
      id: 'mt5xl',
      dims: { vocab: 250_112, width: 2048, inner: 2048, heads: 32, ff: 5120, block: 24 },
      vocabulary: [250_000, 251_000],
    },
    {
      id: 'byt5',
      dims: { vocab: 1510, width: 1472, inner: 384, heads: 6, ff: 3584, block: 12 },
      vocabulary: [256, 4096],
    },
  ],
}

/** The first T5. */
const OLD_T5: EncoderNetwork = {
  ...SHAPE,
  template: [T5_ATTENTION, SHARED_DISTANCES, UNGATED].flat(),
  members: [
    { id: 't5_11b', dims: { vocab: 32_128, width: 1024, inner: 16384, heads: 128, ff: 65536, block: 24 } },
    { id: 't5base', dims: { vocab: 32_128, width: 768, inner: 768, heads: 12, ff: 3072, block: 12 } },
  ],
}

const UMT5: EncoderNetwork = {
  ...SHAPE,
  template: [T5_ATTENTION, OWN_DISTANCES, GATED].flat(),
  members: [
    {
      id: 'umt5xxl',
      dims: { vocab: 256_384, width: 4096, inner: 4096, heads: 64, ff: 10240, block: 24 },
      vocabulary: [256_000, 257_000],
    },
    {
      id: 'umt5base',
      dims: { vocab: 256_384, width: 768, inner: 768, heads: 12, ff: 2048, block: 12 },
      vocabulary: [256_000, 257_000],
    },
  ],
}

const GLM = 'encoder.layers.{layer}'

/** Source: THUDM/chatglm3-6b, `modeling_chatglm.py`, which diffusers has for Kolors. */
const CHATGLM: EncoderNetwork = {
  counter: 'layer',
  width: 'hidden',
  template: [
    weight('embedding.word_embeddings', 'vocab hidden'),
    weight(`${GLM}.{input,post_attention}_layernorm`, 'hidden'),
    layer(`${GLM}.self_attention.query_key_value`, 'qkv hidden'),
    weight(`${GLM}.self_attention.dense`, 'hidden hidden'),
    weight(`${GLM}.mlp.dense_h_to_4h`, '2ff hidden'),
    weight(`${GLM}.mlp.dense_4h_to_h`, 'hidden ff'),
    weight('encoder.final_layernorm', 'hidden'),
    optional('head', weight('output_layer', 'vocab hidden')),
    optional('frequencies', parameter('rotary_pos_emb.inv_freq', 'rotary')),
  ].flat(),
  members: [{ id: 'chatglm3_6b', dims: { vocab: 65_024, hidden: 4096, layer: 28, qkv: 4608, ff: 13696 } }],
}

const BERT_LAYER = 'encoder.layer.{layer}'

const BERT: EncoderNetwork = {
  counter: 'layer',
  width: 'hidden',
  template: [
    weight('embeddings.word_embeddings', 'vocab hidden'),
    weight('embeddings.position_embeddings', '512 hidden'),
    weight('embeddings.token_type_embeddings', '2 hidden'),
    layer('embeddings.LayerNorm', 'hidden'),
    layer(`${BERT_LAYER}.attention.self.{query,key,value}`, 'hidden hidden'),
    layer(`${BERT_LAYER}.attention.output.dense`, 'hidden hidden'),
    layer(`${BERT_LAYER}.{attention.output,output}.LayerNorm`, 'hidden'),
    layer(`${BERT_LAYER}.intermediate.dense`, 'ff hidden'),
    layer(`${BERT_LAYER}.output.dense`, 'hidden ff'),
    optional('pooler', layer('pooler.dense', 'hidden hidden')),
  ].flat(),
  members: [
    {
      id: 'hydit_clip',
      dims: { vocab: 47_020, hidden: 1024, layer: 24, ff: 4096 },
      // that of hfl/chinese-roberta-wwm-ext-large has 21128 words
      vocabulary: [47_020, 47_020],
    },
  ],
}

const JINA_LAYER = 'model.encoder.layers.{layer}'

/** The text half of Jina CLIP 2. Source: ComfyUI, `text_encoders/jina_clip_2.py`. */
const JINA: EncoderNetwork = {
  counter: 'layer',
  width: 'hidden',
  template: [
    weight('model.embeddings.word_embeddings', 'vocab hidden'),
    weight('model.embeddings.token_type_embeddings', '1 hidden'),
    layer('model.emb_ln', 'hidden'),
    layer(`${JINA_LAYER}.mixer.Wqkv`, '3hidden hidden'),
    layer(`${JINA_LAYER}.mixer.out_proj`, 'hidden hidden'),
    layer(`${JINA_LAYER}.norm{1,2}`, 'hidden'),
    layer(`${JINA_LAYER}.mlp.fc1`, 'ff hidden'),
    layer(`${JINA_LAYER}.mlp.fc2`, 'hidden ff'),
  ].flat(),
  members: [{ id: 'jina_clip_2', dims: { vocab: 250_002, hidden: 1024, layer: 24, ff: 4096 } }],
}

export const OTHER_ENCODERS: readonly EncoderNetwork[] = [T5, OLD_T5, UMT5, CHATGLM, BERT, JINA]
