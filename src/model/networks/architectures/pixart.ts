import { alias, fused } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional, parameter } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'
import { SD_LATENT } from './sd1.ts'

const BLOCK = 'blocks.{block}'

/** Source: PixArt-alpha/PixArt-sigma, diffusion/model/nets/PixArtMS.py. */
const TEMPLATE = [
  parameter('pos_embed', '1 positions hidden'),
  layer('x_embedder.proj', 'hidden in 2 2'),
  parameter('y_embedder.y_embedding', 'tokens context'),
  layer('y_embedder.y_proj.fc1', 'hidden context'),
  layer('y_embedder.y_proj.fc2', 'hidden hidden'),
  layer('t_embedder.mlp.0', 'hidden 256'),
  layer('t_embedder.mlp.2', 'hidden hidden'),
  layer('t_block.1', '6hidden hidden'),
  // sizes and ratios of the trained pictures, a third of the width each
  optional(
    'sizes',
    layer('{csize,ar}_embedder.mlp.0', 'size 256'),
    layer('{csize,ar}_embedder.mlp.2', 'size size'),
  ),
  parameter(`${BLOCK}.scale_shift_table`, '6 hidden'),
  layer(`${BLOCK}.attn.qkv`, '3hidden hidden'),
  layer(`${BLOCK}.attn.proj`, 'hidden hidden'),
  layer(`${BLOCK}.cross_attn.q_linear`, 'hidden hidden'),
  layer(`${BLOCK}.cross_attn.kv_linear`, '2hidden hidden'),
  layer(`${BLOCK}.cross_attn.proj`, 'hidden hidden'),
  layer(`${BLOCK}.mlp.fc1`, '4hidden hidden'),
  layer(`${BLOCK}.mlp.fc2`, 'hidden 4hidden'),
  parameter('final_layer.scale_shift_table', '2 hidden'),
  layer('final_layer.linear', 'out hidden'),
].flat()

const THEIRS = 'transformer_blocks.{block}'

/** Positions and the empty caption have no place there. Source: diffusers `scripts/convert_pixart_sigma_to_diffusers.py`. */
const NAMES = [
  alias('pos_embed.proj', 'x_embedder.proj'),
  alias('caption_projection.linear_{1,2}', 'y_embedder.y_proj.fc{1,2}'),
  alias('adaln_single.emb.timestep_embedder.linear_{1,2}', 't_embedder.mlp.{0,2}'),
  alias('adaln_single.linear', 't_block.1'),
  alias('adaln_single.emb.resolution_embedder.linear_{1,2}', 'csize_embedder.mlp.{0,2}'),
  alias('adaln_single.emb.aspect_ratio_embedder.linear_{1,2}', 'ar_embedder.mlp.{0,2}'),
  alias(`${THEIRS}.scale_shift_table`, `${BLOCK}.scale_shift_table`),
  fused(
    `${BLOCK}.attn.qkv`,
    [`${THEIRS}.attn1.to_q`, 'hidden'],
    [`${THEIRS}.attn1.to_k`, 'hidden'],
    [`${THEIRS}.attn1.to_v`, 'hidden'],
  ),
  alias(`${THEIRS}.attn1.to_out.0`, `${BLOCK}.attn.proj`),
  alias(`${THEIRS}.attn2.to_q`, `${BLOCK}.cross_attn.q_linear`),
  fused(
    `${BLOCK}.cross_attn.kv_linear`,
    [`${THEIRS}.attn2.to_k`, 'hidden'],
    [`${THEIRS}.attn2.to_v`, 'hidden'],
  ),
  alias(`${THEIRS}.attn2.to_out.0`, `${BLOCK}.cross_attn.proj`),
  alias(`${THEIRS}.ff.net.0.proj`, `${BLOCK}.mlp.fc1`),
  alias(`${THEIRS}.ff.net.2`, `${BLOCK}.mlp.fc2`),
  alias('scale_shift_table', 'final_layer.scale_shift_table'),
  alias('proj_out', 'final_layer.linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 1152, in: 4, out: 32, context: 4096, block: 28, sizes: 1 },
  diffusers: NAMES,
  tells: ['ar_embedder.mlp.0.weight', 'y_embedder.y_embedding'],
}

/** Without sizes, only the length of a caption tells alpha from Sigma, and diffusers does not keep it. */
export const pixart: Architecture = {
  id: 'pixart',
  title: 'PixArt',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['t_block.1.weight', 'blocks.0.cross_attn.kv_linear.weight', 'y_embedder.y_proj.fc1.weight'],
      not: ['blocks.0.mlp.inverted_conv.conv.weight', 'attention_y_norm.weight'], // Sana
    },
    // LTX-Video begins alike, and has no convolution for pictures
    {
      layout: 'diffusers',
      keys: ['adaln_single.linear.weight', 'transformer_blocks.0.attn2.to_k.weight', 'pos_embed.proj.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['t5xxl'],
  prediction: 'epsilon',
  resolution: 1024,
  latent: LATENTS.sdxl,
  variants: [
    { id: 'alpha', title: 'alpha', dims: { sizes: 1 }, latent: SD_LATENT },
    {
      id: 'alpha-small',
      title: 'alpha',
      dims: { sizes: 0, tokens: 120 },
      latent: SD_LATENT,
      resolution: 512,
    },
    { id: 'sigma', title: 'Sigma', dims: { sizes: 0, tokens: 300 } },
  ],
}
