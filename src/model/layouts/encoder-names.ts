/** Names of text encoders as programs and versions of transformers have them, beside those of the text model alone. */
import type { ComponentId } from '../networks/components.ts'

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

/** A prefix of the text model alone, and the one that a file has in its place. */
type UsedSpelling = readonly [own: string, used: string]

/** @param has whether the file has a name, without the prefix of the component */
function usedSpellings(has: (name: string) => boolean): UsedSpelling[] {
  return SPELLINGS.flatMap(({ own, others, probes }) => {
    const other = others.find((prefix) => probes.some((probe) => has(prefix + probe)))
    return other === undefined || probes.some((probe) => has(own + probe)) ? [] : [[own, other] as const]
  })
}

/** How a file spells the names of an encoder: its name for each of the text model alone. */
export function encoderNaming(has: (name: string) => boolean): (name: string) => string {
  const used = usedSpellings(has)
  return (name) => {
    const found = used.find(([own]) => name.startsWith(own))
    return found === undefined ? name : found[1] + name.slice(found[0].length)
  }
}

/** Prefixes with which ComfyUI looks for the parts of an encoder in a file of its own. Source: its `detect_te_model`. */
const COMFYUI_PREFIXES: Readonly<Partial<Record<ComponentId, readonly UsedSpelling[]>>> = {
  qwen3vl_4b: [
    ['model.', 'model.language_model.'],
    ['visual.', 'model.visual.'],
  ],
  qwen3vl_8b: [
    ['model.', 'model.language_model.'],
    ['visual.', 'model.visual.'],
  ],
  gemma3_4b: [['vision_tower.', 'vision_model.']],
  gemma3_12b: [['vision_tower.', 'vision_model.']],
  gpt_oss_20b: [['model.', '']],
  hydit_clip: [
    ['embeddings.', 'bert.embeddings.'],
    ['encoder.layer.', 'bert.encoder.layer.'],
    ['pooler.', 'bert.pooler.'],
  ],
}

/** What a text model without a head has. */
const RE_BARE = /^(?:layers|embed_tokens|norm|rotary_emb)\./

/** Names of an encoder as ComfyUI loads them from a file of its own, for those of any program. */
export function comfyuiNaming(id: ComponentId, names: readonly string[]): (name: string) => string {
  const all = new Set(names)
  // the longest first: the prefix of a part may be the beginning of another, or nothing
  const used = usedSpellings((name) => all.has(name)).sort(([, a], [, b]) => b.length - a.length)
  const wanted = COMFYUI_PREFIXES[id] ?? []
  return (name) => {
    const found = used.find(([, other]) => (other === '' ? RE_BARE.test(name) : name.startsWith(other)))
    const own = found === undefined ? name : found[0] + name.slice(found[1].length)
    const place = wanted.find(([prefix]) => own.startsWith(prefix))
    return place === undefined ? own : place[1] + own.slice(place[0].length)
  }
}

/** Tokenizers that ComfyUI keeps beside the weights, in a tensor of bytes. */
export const TOKENIZERS: readonly string[] = ['spiece_model', 'tekken_model', 'tokenizer_json']

/** A name that holds a tokenizer, in whatever place. */
export function isTokenizer(name: string): boolean {
  return TOKENIZERS.includes(name.slice(name.lastIndexOf('.') + 1))
}
