/** Names of text encoders as programs and versions of transformers have them, beside those of the text model alone. */

/** A part of an encoder that files have under several prefixes. */
interface Spelling {
  /** The prefix in the names of the text model alone. */
  readonly own: string
  readonly others: readonly string[]
  /** Keys behind the prefix that tell it; none of them is in a file with another. */
  readonly probes: readonly string[]
}

const FIRST_LAYERS = [0, 1, 2].flatMap((n) => [
  `layers.${n}.input_layernorm.weight`,
  `layers.${n}.self_attn.q_proj.weight`,
  `layers.${n}.mlp.up_proj.weight`,
])

/**
 * Models of text and pictures have their text model under `language_model.` since transformers 4.52 and had it so in
 * LLaVA before; the networks without a head that pipelines hold have no prefix at all. ComfyUI has `model.`, and
 * `vision_model.` for the tower of Gemma 3.
 */
const SPELLINGS: readonly Spelling[] = [
  {
    own: 'model.',
    others: ['model.language_model.', 'language_model.model.', 'language_model.', ''],
    probes: [...FIRST_LAYERS, 'embed_tokens.weight'],
  },
  {
    own: 'visual.',
    others: ['model.visual.'],
    probes: ['patch_embed.proj.weight', 'blocks.0.norm1.weight', 'blocks.1.norm1.weight'],
  },
  {
    own: 'vision_tower.',
    others: [
      'model.vision_tower.vision_model.',
      'vision_tower.vision_model.',
      'model.vision_tower.',
      'vision_model.',
    ],
    probes: [
      'embeddings.patch_embedding.weight',
      'encoder.layers.0.layer_norm1.weight',
      'patch_conv.weight',
      'transformer.layers.0.attention_norm.weight',
    ],
  },
  {
    own: 'multi_modal_projector.',
    others: ['model.multi_modal_projector.'],
    probes: ['linear_1.weight', 'linear_2.weight', 'mm_input_projection_weight', 'mm_soft_emb_norm.weight'],
  },
  {
    own: 'lm_head.',
    others: ['model.lm_head.', 'language_model.lm_head.'],
    probes: ['weight'],
  },
  {
    own: 'embeddings.',
    others: ['bert.embeddings.'],
    probes: ['word_embeddings.weight', 'LayerNorm.weight'],
  },
  {
    own: 'encoder.layer.',
    others: ['bert.encoder.layer.'],
    probes: ['0.attention.self.query.weight', '1.attention.self.query.weight'],
  },
  { own: 'pooler.', others: ['bert.pooler.'], probes: ['dense.weight'] },
  {
    own: 'encoder.layers.',
    others: ['transformer.encoder.layers.'],
    probes: ['0.self_attention.query_key_value.weight', '1.self_attention.query_key_value.weight'],
  },
  {
    own: 'encoder.final_layernorm.',
    others: ['transformer.encoder.final_layernorm.'],
    probes: ['weight'],
  },
  {
    own: 'embedding.',
    others: ['transformer.embedding.'],
    probes: ['word_embeddings.weight'],
  },
  { own: 'output_layer.', others: ['transformer.output_layer.'], probes: ['weight'] },
]

/** The file's name of a key of the text model. */
export type EncoderNaming = (name: string) => string

/**
 * How a file spells the names of an encoder.
 * @param has whether the file has a name, without the prefix of the component
 */
export function encoderNaming(has: (name: string) => boolean): EncoderNaming {
  const used = SPELLINGS.flatMap(({ own, others, probes }) => {
    const other = others.find((prefix) => probes.some((probe) => has(prefix + probe)))
    return other === undefined || probes.some((probe) => has(own + probe)) ? [] : [[own, other] as const]
  })
  return (name) => {
    const found = used.find(([own]) => name.startsWith(own))
    return found === undefined ? name : found[1] + name.slice(found[0].length)
  }
}

/** Tokenizers that ComfyUI keeps beside the weights, in a tensor of bytes. */
export const TOKENIZERS: readonly string[] = ['spiece_model', 'tekken_model', 'tokenizer_json']

/** A name that holds a tokenizer, in whatever place. */
export function isTokenizer(name: string): boolean {
  return TOKENIZERS.includes(name.slice(name.lastIndexOf('.') + 1))
}
