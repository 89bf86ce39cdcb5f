import type { BlockRow } from '../numbered-blocks.ts'
import { type Alias, alias, fused } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** One list of blocks. @param qkv rows of queries, keys and values together */
export function nextDitBlocks(list: string, qkv: string): Row[] {
  return [
    weight(`${list}.attention.qkv`, `${qkv} hidden`),
    weight(`${list}.attention.out`, 'hidden hidden'),
    weight(`${list}.attention.{q,k}_norm`, 'head'),
    weight(`${list}.feed_forward.w{1,3}`, 'mlp hidden'),
    weight(`${list}.feed_forward.w2`, 'hidden mlp'),
    weight(`${list}.{attention,ffn}_norm{1,2}`, 'hidden'),
  ].flat()
}

/** Fewer heads of keys and values than of queries. */
const blocks = (list: string) => nextDitBlocks(list, 'hidden+2kv')

const [NOISE, CONTEXT, LAYERS] = [
  'noise_refiner.{noise_refiner}',
  'context_refiner.{context_refiner}',
  'layers.{layer}',
]

/** Labels of the lists that all relatives have. */
export const NEXT_DIT_BLOCKS: readonly BlockRow[] = [
  { path: 'noise_refiner', label: 'N' },
  { path: 'context_refiner', label: 'C' },
  { path: 'layers', label: 'L' },
]

/** The text is refined without the timestep. Source: Alpha-VLLM/Lumina-Image-2.0, models/model.py. */
const TEMPLATE = [
  layer('x_embedder', 'hidden in'),
  layer('t_embedder.mlp.0', 'time 256'),
  layer('t_embedder.mlp.2', 'time time'),
  weight('cap_embedder.0', 'context'),
  layer('cap_embedder.1', 'hidden context'),
  blocks(NOISE),
  layer(`${NOISE}.adaLN_modulation.1`, '4hidden time'),
  blocks(CONTEXT),
  blocks(LAYERS),
  layer(`${LAYERS}.adaLN_modulation.1`, '4hidden time'),
  // published with it, used by nothing
  optional('norm_final', weight('norm_final', 'hidden')),
  layer('final_layer.linear', 'in hidden'),
  layer('final_layer.adaLN_modulation.1', 'hidden time'),
].flat()

function blockNames(list: string, norm1: string): Alias[] {
  return [
    fused(
      `${list}.attention.qkv`,
      [`${list}.attn.to_q`, 'hidden'],
      [`${list}.attn.to_k`, 'kv'],
      [`${list}.attn.to_v`, 'kv'],
    ),
    alias(`${list}.attn.to_out.0`, `${list}.attention.out`),
    alias(`${list}.attn.norm_{q,k}`, `${list}.attention.{q,k}_norm`),
    alias(`${list}.feed_forward.linear_{1,2,3}`, `${list}.feed_forward.w{1,2,3}`),
    alias(`${list}.${norm1}`, `${list}.attention_norm1`),
    alias(`${list}.norm2`, `${list}.attention_norm2`),
    alias(`${list}.ffn_norm{1,2}`, `${list}.ffn_norm{1,2}`),
    alias(`${list}.norm1.linear`, `${list}.adaLN_modulation.1`),
  ].flat()
}

/** Source: diffusers `convert_lumina2_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('x_embedder', 'x_embedder'),
  alias('time_caption_embed.timestep_embedder.linear_{1,2}', 't_embedder.mlp.{0,2}'),
  alias('time_caption_embed.caption_embedder.{0,1}', 'cap_embedder.{0,1}'),
  blockNames(NOISE, 'norm1.norm'),
  blockNames(CONTEXT, 'norm1'),
  blockNames(LAYERS, 'norm1.norm'),
  alias('norm_out.linear_1', 'final_layer.adaLN_modulation.1'),
  alias('norm_out.linear_2', 'final_layer.linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 2304,
    kv: 768,
    head: 96,
    mlp: 9216,
    in: 64,
    time: 1024,
    context: 2304,
    noise_refiner: 2,
    context_refiner: 2,
    layer: 26,
  },
  diffusers: NAMES,
  blocks: NEXT_DIT_BLOCKS,
  tells: ['cap_embedder.1.weight'],
}

/** Of Z-Image and NewBie. */
const NOT_LUMINA = [
  'cap_pad_token',
  'x_pad_token',
  'clip_text_pooled_proj.0.weight',
  'time_text_embed.1.weight',
]

export const lumina2: Architecture = {
  id: 'lumina-2',
  title: 'Lumina 2',
  modelspec: 'lumina-2',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: [
        'cap_embedder.1.weight',
        'noise_refiner.0.attention.k_norm.weight',
        'noise_refiner.0.adaLN_modulation.1.weight',
      ],
      not: NOT_LUMINA,
    },
    // files without modulation, by the width of the published one
    {
      layout: 'ldm',
      keys: ['cap_embedder.1.weight', 'noise_refiner.0.attention.k_norm.weight'],
      not: NOT_LUMINA,
      size: { key: 'cap_embedder.1.weight', axis: 0, is: [2304] },
    },
    {
      layout: 'diffusers',
      keys: [
        'time_caption_embed.caption_embedder.1.weight',
        'noise_refiner.0.attn.to_q.weight',
        'norm_out.linear_1.weight',
      ],
      not: [
        'ref_image_patch_embedder.weight',
        'ref_image_refiner.0.attn.to_q.weight',
        'double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight',
      ],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['gemma2_2b'],
  prediction: 'flow',
  shift: 6,
  fp16: 'overflows',
  resolution: 1024,
  latent: LATENTS.flux,
  variants: [],
  names: [
    { id: 'neta-lumina', title: 'Neta Lumina', words: /neta[-_. ]?lumina/i },
    { id: 'neta-yume', title: 'NetaYume', words: /neta[-_. ]?yume/i },
  ],
}

/** Lumina 2, deeper, with the pooled text of a CLIP in its timestep. Source: ComfyUI `ldm/lumina/model.py`. */
const NEWBIE_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...TEMPLATE,
    ...weight('clip_text_pooled_proj.0', 'pooled'),
    ...layer('clip_text_pooled_proj.1', 'pooled pooled'),
    ...layer('time_text_embed.1', 'time time+pooled'),
  ],
  dims: { ...NETWORK.dims, context: 2560, layer: 36, pooled: 1024 },
  blocks: NEXT_DIT_BLOCKS,
  tells: ['cap_embedder.1.weight'],
}

export const newBie: Architecture = {
  id: 'newbie',
  title: 'NewBie',
  network: NEWBIE_NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['clip_text_pooled_proj.0.weight', 'noise_refiner.0.attention.k_norm.weight'] },
  ],
  components: [dit(NEWBIE_NETWORK)],
  encoders: ['gemma3_4b', 'jina_clip_2'],
  prediction: 'flow',
  shift: 6,
  fp16: 'overflows',
  resolution: 1024,
  latent: LATENTS.flux,
  variants: [],
}
