import { alias, fused } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, parameter, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const [BLOCK, THEIRS] = ['blocks.{block}', 'transformer_blocks.{block}']

/** Linear attention and convolutions in place of an MLP. Source: NVlabs/Sana, diffusion/model/nets/sana_multi_scale.py. */
const TEMPLATE = [
  parameter('pos_embed', '1 positions hidden'),
  parameter('y_embedder.y_embedding', 'tokens context'),
  layer('x_embedder.proj', 'hidden in 1 1'),
  layer('t_embedder.mlp.0', 'hidden 256'),
  layer('t_embedder.mlp.2', 'hidden hidden'),
  layer('t_block.1', '6hidden hidden'),
  layer('y_embedder.y_proj.fc1', 'hidden context'),
  layer('y_embedder.y_proj.fc2', 'hidden hidden'),
  weight('attention_y_norm', 'hidden'),
  parameter(`${BLOCK}.scale_shift_table`, '6 hidden'),
  weight(`${BLOCK}.attn.qkv`, '3hidden hidden'),
  layer(`${BLOCK}.{attn,cross_attn}.proj`, 'hidden hidden'),
  layer(`${BLOCK}.cross_attn.q_linear`, 'hidden hidden'),
  layer(`${BLOCK}.cross_attn.kv_linear`, '2hidden hidden'),
  layer(`${BLOCK}.mlp.inverted_conv.conv`, '2mlp hidden 1 1'),
  layer(`${BLOCK}.mlp.depth_conv.conv`, '2mlp 1 3 3'),
  weight(`${BLOCK}.mlp.point_conv.conv`, 'hidden mlp 1 1'),
  parameter('final_layer.scale_shift_table', '2 hidden'),
  layer('final_layer.linear', 'in hidden'),
].flat()

/** Source: diffusers `scripts/convert_sana_to_diffusers.py`. */
const NAMES = [
  alias('patch_embed.proj', 'x_embedder.proj'),
  alias('time_embed.emb.timestep_embedder.linear_{1,2}', 't_embedder.mlp.{0,2}'),
  alias('time_embed.linear', 't_block.1'),
  alias('caption_projection.linear_{1,2}', 'y_embedder.y_proj.fc{1,2}'),
  alias('caption_norm', 'attention_y_norm'),
  alias(`${THEIRS}.scale_shift_table`, `${BLOCK}.scale_shift_table`),
  fused(
    `${BLOCK}.attn.qkv`,
    [`${THEIRS}.attn1.to_q`, 'hidden'],
    [`${THEIRS}.attn1.to_k`, 'hidden'],
    [`${THEIRS}.attn1.to_v`, 'hidden'],
  ),
  alias(`${THEIRS}.attn{1,2}.to_out.0`, `${BLOCK}.{attn,cross_attn}.proj`),
  alias(`${THEIRS}.attn2.to_q`, `${BLOCK}.cross_attn.q_linear`),
  fused(
    `${BLOCK}.cross_attn.kv_linear`,
    [`${THEIRS}.attn2.to_k`, 'hidden'],
    [`${THEIRS}.attn2.to_v`, 'hidden'],
  ),
  alias(`${THEIRS}.ff.conv_{inverted,depth,point}`, `${BLOCK}.mlp.{inverted,depth,point}_conv.conv`),
  alias('scale_shift_table', 'final_layer.scale_shift_table'),
  alias('proj_out', 'final_layer.linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 2240, in: 32, context: 2304, tokens: 300, positions: 1024, mlp: 5600, block: 20 },
  diffusers: NAMES,
  tells: ['x_embedder.proj.weight'],
}

export const sana: Architecture = {
  id: 'sana',
  title: 'Sana',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['blocks.0.mlp.inverted_conv.conv.weight', 'attention_y_norm.weight'] },
    { layout: 'diffusers', keys: ['transformer_blocks.0.ff.conv_inverted.weight', 'caption_norm.weight'] },
  ],
  components: [dit(NETWORK)],
  encoders: ['gemma2_2b'],
  prediction: 'flow',
  resolution: 1024,
  latent: LATENTS.sana,
  variants: [
    { id: '1600m', title: '1.6B', dims: { hidden: 2240, block: 20 } },
    { id: '600m', title: '0.6B', dims: { hidden: 1152, block: 28, mlp: 2880 } },
  ],
}
