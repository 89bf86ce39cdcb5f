import { alias } from '../template/alias.ts'
import { layer, optional, parameter, weight } from '../template/row.ts'
import type { EncoderNetwork, MarkedEncoder } from './encoder.ts'
import { PIXTRAL_TOWER, QWEN3_TOWER, QWEN25_TOWER, SIGLIP_TOWER } from './towers.ts'

/**
 * Decoders of language models, whose hidden states are the text. Sources: transformers, `modeling_*.py` of each; numbers
 * of the published configurations, which ComfyUI has in `text_encoders/llama.py`.
 */

const LAYER = 'model.layers.{layer}'

const EMBEDDING = weight('model.embed_tokens', 'vocab hidden')
/** Copies that are cut short may lack the norm behind the last layer, too. */
const END = [
  optional('last_norm', weight('model.norm', 'hidden')),
  optional('head', weight('lm_head', 'vocab hidden')),
].flat()

/** Buffers that old versions of transformers saved. */
const FREQUENCIES = optional('frequencies', parameter(`${LAYER}.self_attn.rotary_emb.inv_freq`, 'rotary'))

const MLP = [
  weight(`${LAYER}.mlp.{gate,up}_proj`, 'ff hidden'),
  weight(`${LAYER}.mlp.down_proj`, 'hidden ff'),
].flat()

const ATTENTION = [
  weight(`${LAYER}.self_attn.q_proj`, 'q hidden'),
  weight(`${LAYER}.self_attn.{k,v}_proj`, 'kv hidden'),
  weight(`${LAYER}.self_attn.o_proj`, 'hidden q'),
].flat()

const QK_NORM = weight(`${LAYER}.self_attn.{q,k}_norm`, 'head_dim')

const TWO_NORMS = weight(`${LAYER}.{input,post_attention}_layernorm`, 'hidden')
const FOUR_NORMS = weight(
  `${LAYER}.{input,post_attention,pre_feedforward,post_feedforward}_layernorm`,
  'hidden',
)

/** Source: llama.cpp, gguf-py/gguf/tensor_mapping.py; ComfyUI-GGUF loader.py has the same names the other way round. */
const LLAMA_CPP = [
  alias('token_embd', 'model.embed_tokens'),
  alias('blk.{layer}.attn_{q,k,v,output}', `${LAYER}.self_attn.{q,k,v,o}_proj`),
  alias('blk.{layer}.attn_{q,k}_norm', `${LAYER}.self_attn.{q,k}_norm`),
  alias('blk.{layer}.ffn_{gate,up,down}', `${LAYER}.mlp.{gate,up,down}_proj`),
  alias('blk.{layer}.attn_norm', `${LAYER}.input_layernorm`),
  alias('output_norm', 'model.norm'),
  alias('output', 'lm_head'),
].flat()

const LLAMA_CPP_TWO_NORMS = [
  ...LLAMA_CPP,
  ...alias('blk.{layer}.ffn_norm', `${LAYER}.post_attention_layernorm`),
]

const LLAMA_CPP_FOUR_NORMS = [
  LLAMA_CPP,
  alias('blk.{layer}.post_attention_norm', `${LAYER}.post_attention_layernorm`),
  alias('blk.{layer}.ffn_norm', `${LAYER}.pre_feedforward_layernorm`),
  alias('blk.{layer}.post_ffw_norm', `${LAYER}.post_feedforward_layernorm`),
].flat()

const QWEN3_4B = { vocab: 151_936, hidden: 2560, layer: 36, q: 4096, kv: 1024, head_dim: 128, ff: 9728 }
const QWEN3_8B = { vocab: 151_936, hidden: 4096, layer: 36, q: 4096, kv: 1024, head_dim: 128, ff: 12288 }
const LARGE_TOWER = { tower: 1, tower_width: 1152, tower_ff: 4304, tower_block: 27, deep: 3 }

/** Qwen3 and Qwen3-VL, whose language models are alike. */
const QWEN3: EncoderNetwork = {
  template: [EMBEDDING, ATTENTION, QK_NORM, MLP, TWO_NORMS, END, QWEN3_TOWER].flat(),
  llamaCpp: LLAMA_CPP_TWO_NORMS,
  counter: 'layer',
  width: 'hidden',
  members: [
    {
      id: 'qwen3_06b',
      dims: { vocab: 151_936, hidden: 1024, layer: 28, q: 2048, kv: 1024, head_dim: 128, ff: 3072, tower: 0 },
    },
    {
      id: 'qwen3_2b',
      dims: { vocab: 151_936, hidden: 2048, layer: 28, q: 2048, kv: 1024, head_dim: 128, ff: 6144, tower: 0 },
    },
    { id: 'qwen3_4b', dims: { ...QWEN3_4B, tower: 0 } },
    { id: 'qwen3_8b', dims: { ...QWEN3_8B, tower: 0 } },
    {
      id: 'qwen3vl_4b',
      dims: { ...QWEN3_4B, tower: 1, tower_width: 1024, tower_ff: 4096, tower_block: 24, deep: 3 },
      ggufArchitecture: 'qwen3vl',
    },
    { id: 'qwen3vl_8b', dims: { ...QWEN3_8B, ...LARGE_TOWER }, ggufArchitecture: 'qwen3vl' },
    {
      id: 'qwen3vl_32b',
      dims: {
        vocab: 151_936,
        hidden: 5120,
        layer: 64,
        q: 8192,
        kv: 1024,
        head_dim: 128,
        ff: 25600,
        ...LARGE_TOWER,
      },
      cut: [50],
      ggufArchitecture: 'qwen3vl',
    },
  ],
}

const QWEN25: EncoderNetwork = {
  template: [
    EMBEDDING,
    layer(`${LAYER}.self_attn.q_proj`, 'q hidden'),
    layer(`${LAYER}.self_attn.{k,v}_proj`, 'kv hidden'),
    weight(`${LAYER}.self_attn.o_proj`, 'hidden q'),
    MLP,
    TWO_NORMS,
    END,
    QWEN25_TOWER,
  ].flat(),
  llamaCpp: LLAMA_CPP_TWO_NORMS,
  counter: 'layer',
  width: 'hidden',
  members: [
    {
      id: 'qwen25_3b',
      dims: { vocab: 151_936, hidden: 2048, layer: 36, q: 2048, kv: 256, ff: 11008, tower_block: 32 },
    },
    {
      id: 'qwen25_7b',
      dims: { vocab: 152_064, hidden: 3584, layer: 28, q: 3584, kv: 512, ff: 18944, tower_block: 32 },
    },
  ],
}

const LLAMA: EncoderNetwork = {
  template: [EMBEDDING, ATTENTION, MLP, TWO_NORMS, END, FREQUENCIES, PIXTRAL_TOWER].flat(),
  llamaCpp: LLAMA_CPP_TWO_NORMS,
  counter: 'layer',
  width: 'hidden',
  members: [
    {
      id: 'llama3_8b',
      dims: { vocab: 128_256, hidden: 4096, layer: 32, q: 4096, kv: 1024, ff: 14336, tower: 0 },
      // Mistral 7B has the same shapes and 32768 words
      vocabulary: [128_256, 129_000],
    },
    {
      id: 'mistral3_24b',
      dims: { vocab: 131_072, hidden: 5120, layer: 40, q: 4096, kv: 1024, ff: 32768, tower_block: 24 },
      cut: [30],
    },
    {
      id: 'ministral3_3b',
      dims: { vocab: 131_072, hidden: 3072, layer: 26, q: 4096, kv: 1024, ff: 9216, tower_block: 24 },
    },
  ],
}

const GEMMA2: EncoderNetwork = {
  template: [EMBEDDING, ATTENTION, MLP, FOUR_NORMS, END].flat(),
  llamaCpp: LLAMA_CPP_FOUR_NORMS,
  counter: 'layer',
  width: 'hidden',
  members: [
    { id: 'gemma2_2b', dims: { vocab: 256_000, hidden: 2304, layer: 26, q: 2048, kv: 1024, ff: 9216 } },
  ],
}

const GEMMA3: EncoderNetwork = {
  template: [EMBEDDING, ATTENTION, QK_NORM, MLP, FOUR_NORMS, END, SIGLIP_TOWER].flat(),
  llamaCpp: LLAMA_CPP_FOUR_NORMS,
  counter: 'layer',
  width: 'hidden',
  members: [
    {
      id: 'gemma3_4b',
      dims: {
        vocab: 262_208,
        hidden: 2560,
        layer: 34,
        q: 2048,
        kv: 1024,
        head_dim: 256,
        ff: 10240,
        tower_block: 27,
      },
    },
    {
      id: 'gemma3_12b',
      dims: {
        vocab: 262_208,
        hidden: 3840,
        layer: 48,
        q: 4096,
        kv: 2048,
        head_dim: 256,
        ff: 15360,
        tower_block: 27,
      },
    },
  ],
}

export const LANGUAGE_MODELS: readonly EncoderNetwork[] = [QWEN3, QWEN25, LLAMA, GEMMA2, GEMMA3]

const NORM = 'model.layers.0.input_layernorm.weight'

/** Language models with layers of several kinds. Source: ComfyUI, `detect_te_model` in sd.py. */
export const MARKED_LANGUAGE_MODELS: readonly MarkedEncoder[] = [
  {
    keys: ['model.layers.0.layer_scalar', 'model.layers.0.post_feedforward_layernorm.weight'],
    is: {
      norm: NORM,
      ids: { 1536: 'gemma4_e2b', 2560: 'gemma4_e4b', 3840: 'gemma4_12b', 5376: 'gemma4_31b' },
    },
  },
  {
    keys: ['model.layers.0.linear_attn.A_log', 'model.layers.3.self_attn.q_norm.weight'],
    is: {
      norm: NORM,
      ids: {
        1024: 'qwen35_08b',
        2048: 'qwen35_2b',
        2560: 'qwen35_4b',
        4096: 'qwen35_9b',
        5120: 'qwen35_27b',
      },
    },
  },
  {
    keys: ['model.layers.0.self_attn.sinks', 'model.layers.23.self_attn.sinks'],
    is: 'gpt_oss_20b',
  },
  {
    keys: [
      'model.encoder.layers.0.pre_self_attn_layernorm.weight',
      'model.encoder.layers.0.pre_feedforward_layernorm.weight',
    ],
    is: 't5gemma',
  },
]
