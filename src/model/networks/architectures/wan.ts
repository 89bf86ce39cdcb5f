import { type Alias, alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional, parameter, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** One list of blocks. Those of 2.1 that begin from a picture look at it by keys and values of its own. */
function blocks(list: string): Row[] {
  return [
    parameter(`${list}.modulation`, '1 6 hidden'),
    layer(`${list}.{self,cross}_attn.{q,k,v,o}`, 'hidden hidden'),
    weight(`${list}.{self,cross}_attn.norm_{q,k}`, 'hidden'),
    optional(
      'image',
      layer(`${list}.cross_attn.{k,v}_img`, 'hidden hidden'),
      weight(`${list}.cross_attn.norm_k_img`, 'hidden'),
    ),
    layer(`${list}.norm3`, 'hidden'),
    layer(`${list}.ffn.0`, 'mlp hidden'),
    layer(`${list}.ffn.2`, 'hidden mlp'),
  ].flat()
}

const [BLOCK, VACE] = ['blocks.{block}', 'vace_blocks.{vace_block}']

/** Source: Wan-Video/Wan2.1, wan/modules/{model,vace_model}.py. */
const TEMPLATE = [
  layer('patch_embedding', 'hidden in 1 2 2'),
  layer('text_embedding.0', 'hidden context'),
  layer('text_embedding.2', 'hidden hidden'),
  layer('time_embedding.0', 'hidden 256'),
  layer('time_embedding.2', 'hidden hidden'),
  layer('time_projection.1', '6hidden hidden'),
  optional(
    'image',
    layer('img_emb.proj.0', 'clip'),
    layer('img_emb.proj.1', 'clip clip'),
    layer('img_emb.proj.3', 'hidden clip'),
    layer('img_emb.proj.4', 'hidden'),
  ),
  // first and last frame
  optional('frames', parameter('img_emb.emb_pos', '1 positions clip')),
  blocks(BLOCK),
  optional('vace', layer('vace_patch_embedding', 'hidden vace_in 1 2 2')),
  blocks(VACE),
  optional('vace', layer('vace_blocks.0.before_proj', 'hidden hidden')),
  layer(`${VACE}.after_proj`, 'hidden hidden'),
  parameter('head.modulation', '1 2 hidden'),
  layer('head.head', 'out hidden'),
].flat()

function blockNames(list: string): Alias[] {
  return [
    alias(`${list}.scale_shift_table`, `${list}.modulation`),
    alias(`${list}.attn1.to_{q,k,v,out.0}`, `${list}.self_attn.{q,k,v,o}`),
    alias(`${list}.attn2.to_{q,k,v,out.0}`, `${list}.cross_attn.{q,k,v,o}`),
    alias(`${list}.attn1.norm_{q,k}`, `${list}.self_attn.norm_{q,k}`),
    alias(`${list}.attn2.norm_{q,k}`, `${list}.cross_attn.norm_{q,k}`),
    alias(
      `${list}.attn2.{add_k_proj,add_v_proj,norm_added_k}`,
      `${list}.cross_attn.{k_img,v_img,norm_k_img}`,
    ),
    alias(`${list}.norm2`, `${list}.norm3`),
    alias(`${list}.ffn.{net.0.proj,net.2}`, `${list}.ffn.{0,2}`),
  ].flat()
}

/** Nothing is fused. Source: diffusers `convert_wan_transformer_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('{patch_embedding,vace_patch_embedding}', '{patch_embedding,vace_patch_embedding}'),
  alias('condition_embedder.text_embedder.linear_{1,2}', 'text_embedding.{0,2}'),
  alias('condition_embedder.time_embedder.linear_{1,2}', 'time_embedding.{0,2}'),
  alias('condition_embedder.time_proj', 'time_projection.1'),
  alias('condition_embedder.image_embedder.{norm1,ff.net.0.proj,ff.net.2,norm2}', 'img_emb.proj.{0,1,3,4}'),
  alias('condition_embedder.image_embedder.pos_embed', 'img_emb.emb_pos'),
  blockNames(BLOCK),
  blockNames(VACE),
  alias('vace_blocks.0.proj_in', 'vace_blocks.0.before_proj'),
  alias(`${VACE}.proj_out`, `${VACE}.after_proj`),
  alias('scale_shift_table', 'head.modulation'),
  alias('proj_out', 'head.head'),
].flat()

const LARGE = { hidden: 5120, mlp: 13824, block: 40 }
const SMALL = { hidden: 1536, mlp: 8960, block: 30 }
const TEXT_ONLY = { in: 16, image: 0, vace: 0 }

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { ...LARGE, in: 16, out: 64, context: 4096, image: 0, frames: 0, vace: 0 },
  diffusers: NAMES,
  blocks: [{ path: 'blocks', label: 'B' }],
  tells: ['patch_embedding.weight', 'img_emb.proj.0.weight'],
}

/** Of 2.2, each is published twice. */
const EXPERTS = ['t2v-14b', 'i2v-a14b', 'animate-14b', 's2v-14b']

/** `high_noise`, `HighNoise`; or the word alone, where it is not about angles, steps or memory. */
function noiseWords(level: string): RegExp {
  const other = 'angle|cfg|vram|steps?|res|quality|detail|poly|rank|mem'
  return new RegExp(
    `${level}[-_. ]?noise|(?<![a-z])(?<!(?:${other})[-_. ]?)${level}(?![a-z])(?![-_. ]?(?:${other}))`,
    'i',
  )
}

/** 2.1 and 2.2 of 14B have the same keys; in 2.2 one file is for high noise, another for low. */
export const wan: Architecture = {
  id: 'wan',
  title: 'Wan',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['head.modulation', 'blocks.0.self_attn.q.weight', 'patch_embedding.weight'] },
    {
      layout: 'diffusers',
      keys: ['condition_embedder.time_proj.weight', 'blocks.0.attn1.to_q.weight', 'patch_embedding.weight'],
      not: ['patch_short.weight'], // Helios, which has the past in patches of three sizes
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['umt5xxl'],
  prediction: 'flow',
  shift: 8,
  latent: LATENTS.wan21,
  variants: [
    { id: 't2v-14b', title: 'T2V 14B', dims: { ...LARGE, ...TEXT_ONLY } },
    { id: 't2v-1.3b', title: 'T2V 1.3B', dims: { ...SMALL, ...TEXT_ONLY } },
    { id: 'i2v-14b-2.1', title: '2.1 I2V 14B', dims: { ...LARGE, in: 36, image: 1, frames: 0 } },
    { id: 'flf2v-14b', title: '2.1 FLF2V 14B', dims: { ...LARGE, in: 36, image: 1, frames: 1 } },
    { id: 'i2v-a14b', title: '2.2 I2V A14B', dims: { ...LARGE, in: 36, image: 0 } },
    {
      id: 'ti2v-5b',
      title: '2.2 TI2V 5B',
      dims: { hidden: 3072, mlp: 14336, block: 30, in: 48, out: 192 },
      latent: LATENTS.wan22,
    },
    { id: 'vace-14b', title: 'VACE 14B', dims: { ...LARGE, vace: 1 } },
    { id: 'vace-1.3b', title: 'VACE 1.3B', dims: { ...SMALL, vace: 1 } },
    {
      id: 'animate-14b',
      title: '2.2 Animate 14B',
      dims: { ...LARGE, in: 36, image: 1 },
      key: 'pose_patch_embedding.weight',
    },
    { id: 's2v-14b', title: '2.2 S2V 14B', key: 'casual_audio_encoder.encoder.final_linear.weight' },
    { id: 'humo', title: 'HuMo', key: 'audio_proj.audio_proj_glob_1.layer.weight' },
    { id: 'fun-camera', title: 'Fun Camera', key: 'control_adapter.conv.weight' },
  ],
  names: [
    { id: 'high-noise', title: '2.2, for high noise', words: noiseWords('high'), of: EXPERTS, expert: true },
    { id: 'low-noise', title: '2.2, for low noise', words: noiseWords('low'), of: EXPERTS, expert: true },
    { id: '2.1', title: '2.1', words: /wan[-_. ]?2[-_. ]?1(?!\d)/i, of: EXPERTS },
  ],
}
