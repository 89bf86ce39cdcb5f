import { type Alias, alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, parameter, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const BLOCK = 'transformer_blocks.{block}'

/** Timesteps to `outputs` numbers. */
function adaln(path: string, hidden: string, outputs: string): Row[] {
  return [
    layer(`${path}.emb.timestep_embedder.linear_1`, `${hidden} 256`),
    layer(`${path}.emb.timestep_embedder.linear_2`, `${hidden} ${hidden}`),
    layer(`${path}.linear`, `${outputs} ${hidden}`),
  ].flat()
}

/** What reads `queries` and `keys` numbers in `inner`. */
function attention(path: string, queries: string, inner: string, keys = queries): Row[] {
  return [
    weight(`${path}.{q,k}_norm`, inner),
    layer(`${path}.to_q`, `${inner} ${queries}`),
    layer(`${path}.to_{k,v}`, `${inner} ${keys}`),
    layer(`${path}.to_out.0`, `${queries} ${inner}`),
  ].flat()
}

function feedForward(path: string, hidden: string): Row[] {
  return [
    layer(`${path}.net.0.proj`, `4${hidden} ${hidden}`),
    layer(`${path}.net.2`, `${hidden} 4${hidden}`),
  ].flat()
}

function same(path: string): Alias[] {
  return alias(path, path)
}

/** Source: Lightricks/LTX-Video, ltx_video/models/transformers/transformer3d.py. */
const TEMPLATE = [
  layer('patchify_proj', 'hidden in'),
  adaln('adaln_single', 'hidden', '6hidden'),
  layer('caption_projection.linear_1', 'hidden context'),
  layer('caption_projection.linear_2', 'hidden hidden'),
  parameter('scale_shift_table', '2 hidden'),
  parameter(`${BLOCK}.scale_shift_table`, '6 hidden'),
  attention(`${BLOCK}.attn{1,2}`, 'hidden', 'hidden'),
  feedForward(`${BLOCK}.ff`, 'hidden'),
  layer('proj_out', 'out hidden'),
].flat()

/** Source: diffusers `convert_ltx_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('proj_in', 'patchify_proj'),
  alias('time_embed.emb.timestep_embedder.linear_{1,2}', 'adaln_single.emb.timestep_embedder.linear_{1,2}'),
  alias('time_embed.linear', 'adaln_single.linear'),
  same('caption_projection.linear_{1,2}'),
  same('scale_shift_table'),
  same(`${BLOCK}.scale_shift_table`),
  attentionNames('attn{1,2}'),
  same(`${BLOCK}.ff.net.{0.proj,2}`),
  same('proj_out'),
].flat()

function attentionNames(name: string): Alias[] {
  return [
    alias(`${BLOCK}.${name}.norm_{q,k}`, `${BLOCK}.${name}.{q,k}_norm`),
    same(`${BLOCK}.${name}.to_{q,k,v,out.0}`),
  ].flat()
}

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 2048, in: 128, out: 128, context: 4096, block: 28 },
  diffusers: NAMES,
  tells: ['patchify_proj.weight'],
}

export const ltxVideo: Architecture = {
  id: 'ltx-video',
  title: 'LTX-Video',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['patchify_proj.weight', 'adaln_single.emb.timestep_embedder.linear_1.weight'],
      not: ['audio_adaln_single.linear.weight', 'audio_patchify_proj.weight'],
    },
    {
      layout: 'diffusers',
      keys: ['proj_in.weight', 'time_embed.emb.timestep_embedder.linear_1.weight', 'scale_shift_table'],
      not: ['audio_time_embed.linear.weight', 'audio_proj_in.weight', 'caption_norm.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['t5xxl'],
  prediction: 'flow',
  shift: 2.37,
  fp16: 'overflows',
  latent: LATENTS.ltx,
  variants: [
    { id: '2b', title: '2B', dims: { hidden: 2048, block: 28 } },
    { id: '13b', title: '13B', dims: { hidden: 4096, block: 48 } },
  ],
}

/** LTX-2 makes sound with the pictures: a narrower network beside each block, and attention from one to the other. */
const SOUND_TEMPLATE = [
  ...TEMPLATE,
  layer('audio_patchify_proj', 'sound sound_in'),
  adaln('audio_adaln_single', 'sound', '6sound'),
  layer('audio_caption_projection.linear_1', 'sound context'),
  layer('audio_caption_projection.linear_2', 'sound sound'),
  parameter('audio_scale_shift_table', '2 sound'),
  adaln('av_ca_video_scale_shift_adaln_single', 'hidden', '4hidden'),
  adaln('av_ca_audio_scale_shift_adaln_single', 'sound', '4sound'),
  adaln('av_ca_a2v_gate_adaln_single', 'hidden', 'hidden'),
  adaln('av_ca_v2a_gate_adaln_single', 'sound', 'sound'),
  parameter(`${BLOCK}.audio_scale_shift_table`, '6 sound'),
  parameter(`${BLOCK}.scale_shift_table_a2v_ca_video`, '5 hidden'),
  parameter(`${BLOCK}.scale_shift_table_a2v_ca_audio`, '5 sound'),
  attention(`${BLOCK}.audio_attn{1,2}`, 'sound', 'sound'),
  attention(`${BLOCK}.audio_to_video_attn`, 'hidden', 'sound', 'sound'),
  attention(`${BLOCK}.video_to_audio_attn`, 'sound', 'sound', 'hidden'),
  feedForward(`${BLOCK}.audio_ff`, 'sound'),
  layer('audio_proj_out', 'sound_out sound'),
].flat()

function adalnNames(name: string, path: string): Alias[] {
  return [
    alias(`${name}.emb.timestep_embedder.linear_{1,2}`, `${path}.emb.timestep_embedder.linear_{1,2}`),
    alias(`${name}.linear`, `${path}.linear`),
  ].flat()
}

/** Source: diffusers `scripts/convert_ltx2_to_diffusers.py`. */
const SOUND_NAMES = [
  ...NAMES,
  alias('audio_proj_in', 'audio_patchify_proj'),
  adalnNames('audio_time_embed', 'audio_adaln_single'),
  same('audio_caption_projection.linear_{1,2}'),
  same('audio_scale_shift_table'),
  adalnNames('av_cross_attn_video_scale_shift', 'av_ca_video_scale_shift_adaln_single'),
  adalnNames('av_cross_attn_audio_scale_shift', 'av_ca_audio_scale_shift_adaln_single'),
  adalnNames('av_cross_attn_video_a2v_gate', 'av_ca_a2v_gate_adaln_single'),
  adalnNames('av_cross_attn_audio_v2a_gate', 'av_ca_v2a_gate_adaln_single'),
  same(`${BLOCK}.audio_scale_shift_table`),
  alias(
    `${BLOCK}.{video,audio}_a2v_cross_attn_scale_shift_table`,
    `${BLOCK}.scale_shift_table_a2v_ca_{video,audio}`,
  ),
  attentionNames('audio_attn{1,2}'),
  attentionNames('audio_to_video_attn'),
  attentionNames('video_to_audio_attn'),
  same(`${BLOCK}.audio_ff.net.{0.proj,2}`),
  same('audio_proj_out'),
].flat()

const SOUND_NETWORK: DitNetwork = {
  kind: 'dit',
  template: SOUND_TEMPLATE,
  dims: {
    hidden: 4096,
    in: 128,
    out: 128,
    context: 3840,
    block: 48,
    sound: 2048,
    sound_in: 128,
    sound_out: 128,
  },
  diffusers: SOUND_NAMES,
  tells: ['patchify_proj.weight', 'audio_patchify_proj.weight'],
}

export const ltx2: Architecture = {
  id: 'ltx-2',
  title: 'LTX-2',
  network: SOUND_NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['audio_adaln_single.linear.weight', 'patchify_proj.weight'] },
    { layout: 'diffusers', keys: ['audio_time_embed.linear.weight', 'proj_in.weight'] },
  ],
  components: [dit(SOUND_NETWORK)],
  encoders: ['gemma3_12b'],
  prediction: 'flow',
  shift: 2.37,
  fp16: 'overflows',
  latent: LATENTS.ltx2,
  variants: [],
}
