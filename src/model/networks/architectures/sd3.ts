import { alias, fused, swapped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { type Dims, layer, optional, parameter, weight } from '../template/row.ts'
import { textEncoder } from '../text-encoders/component.ts'
import { clip } from '../topology/text.ts'
import { VAE_16 } from '../topology/vae.ts'
import { type Architecture, clipText, dit, type Proof, vae } from './architecture.ts'

const JOINT = 'joint_blocks.{joint}'

/** The text goes no further than the attention of the last block, so that half of it is left out there. Source: Stability-AI/sd3.5, mmditx.py. */
const TEMPLATE = [
  layer('x_embedder.proj', 'hidden in 2 2'),
  parameter('pos_embed', '1 positions hidden'),
  layer('context_embedder', 'hidden context'),
  layer('t_embedder.mlp.0', 'hidden 256'),
  layer('y_embedder.mlp.0', 'hidden vector'),
  layer('{t,y}_embedder.mlp.2', 'hidden hidden'),
  layer(`${JOINT}.{x,context}_block.attn.qkv`, '3hidden hidden'),
  optional('qk_norm', weight(`${JOINT}.{x,context}_block.attn.ln_{q,k}`, 'head')),
  layer(`${JOINT}.x_block.attn.proj`, 'hidden hidden'),
  layer(`${JOINT}.x_block.mlp.fc1`, '4hidden hidden'),
  layer(`${JOINT}.x_block.mlp.fc2`, 'hidden 4hidden'),
  layer('joint_blocks.{joint<last}.context_block.attn.proj', 'hidden hidden'),
  layer('joint_blocks.{joint<last}.context_block.mlp.fc1', '4hidden hidden'),
  layer('joint_blocks.{joint<last}.context_block.mlp.fc2', 'hidden 4hidden'),
  // Vectors that modulate a block: three for each attention and for the MLP, two where only the attention is left
  layer('joint_blocks.{joint<last}.context_block.adaLN_modulation.1', '6hidden hidden'),
  layer('joint_blocks.{joint=last}.context_block.adaLN_modulation.1', '2hidden hidden'),
  layer('joint_blocks.{joint<dual}.x_block.adaLN_modulation.1', '9hidden hidden'),
  layer('joint_blocks.{joint>=dual}.x_block.adaLN_modulation.1', '6hidden hidden'),
  // a second attention of the picture to itself
  layer('joint_blocks.{dual}.x_block.attn2.qkv', '3hidden hidden'),
  weight('joint_blocks.{dual}.x_block.attn2.ln_{q,k}', 'head'),
  layer('joint_blocks.{dual}.x_block.attn2.proj', 'hidden hidden'),
  layer('final_layer.linear', '4in hidden'), // patches of 2x2
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
].flat()

const BLOCK = 'transformer_blocks.{joint}'

/** Source: diffusers `scripts/convert_sd3_to_diffusers.py`. */
const NAMES = [
  alias('context_embedder', 'context_embedder'),
  alias('pos_embed.proj', 'x_embedder.proj'),
  alias('pos_embed.pos_embed', 'pos_embed'),
  alias('time_text_embed.{timestep,text}_embedder.linear_1', '{t,y}_embedder.mlp.0'),
  alias('time_text_embed.{timestep,text}_embedder.linear_2', '{t,y}_embedder.mlp.2'),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
  alias('proj_out', 'final_layer.linear'),
  fused(
    `${JOINT}.x_block.attn.qkv`,
    [`${BLOCK}.attn.to_q`, 'hidden'],
    [`${BLOCK}.attn.to_k`, 'hidden'],
    [`${BLOCK}.attn.to_v`, 'hidden'],
  ),
  fused(
    `${JOINT}.context_block.attn.qkv`,
    [`${BLOCK}.attn.add_q_proj`, 'hidden'],
    [`${BLOCK}.attn.add_k_proj`, 'hidden'],
    [`${BLOCK}.attn.add_v_proj`, 'hidden'],
  ),
  fused(
    'joint_blocks.{dual}.x_block.attn2.qkv',
    ['transformer_blocks.{dual}.attn2.to_q', 'hidden'],
    ['transformer_blocks.{dual}.attn2.to_k', 'hidden'],
    ['transformer_blocks.{dual}.attn2.to_v', 'hidden'],
  ),
  alias(`${BLOCK}.attn.{to_out.0,to_add_out}`, `${JOINT}.{x,context}_block.attn.proj`),
  alias('transformer_blocks.{dual}.attn2.to_out.0', 'joint_blocks.{dual}.x_block.attn2.proj'),
  alias(`${BLOCK}.{ff,ff_context}.net.0.proj`, `${JOINT}.{x,context}_block.mlp.fc1`),
  alias(`${BLOCK}.{ff,ff_context}.net.2`, `${JOINT}.{x,context}_block.mlp.fc2`),
  alias(`${BLOCK}.norm1.linear`, `${JOINT}.x_block.adaLN_modulation.1`),
  alias(
    'transformer_blocks.{joint<last}.norm1_context.linear',
    'joint_blocks.{joint<last}.context_block.adaLN_modulation.1',
  ),
  // only modulated once more, as an output layer: halves the other way round
  swapped(
    'transformer_blocks.{joint=last}.norm1_context.linear',
    'joint_blocks.{joint=last}.context_block.adaLN_modulation.1',
  ),
  alias(`${BLOCK}.attn.norm_{q,k}`, `${JOINT}.x_block.attn.ln_{q,k}`),
  alias(`${BLOCK}.attn.norm_added_{q,k}`, `${JOINT}.context_block.attn.ln_{q,k}`),
  alias('transformer_blocks.{dual}.attn2.norm_{q,k}', 'joint_blocks.{dual}.x_block.attn2.ln_{q,k}'),
].flat()

/** The width is 64 x depth. */
const HEAD = 64

function network(depth: number, dims: Dims): DitNetwork {
  const shared = { joint: depth, hidden: HEAD * depth, head: HEAD, in: 16, context: 4096 }
  return {
    kind: 'dit',
    template: TEMPLATE,
    dims: { ...shared, vector: 2048, ...dims }, // pooled CLIP-L 768 + CLIP-G 1280
    diffusers: NAMES,
    tells: ['joint_blocks.0.x_block.attn.ln_q.weight', 'joint_blocks.0.x_block.attn2.qkv.weight'],
  }
}

/** In the first two blocks: one that only lacks a key in the first is not the model without them. */
function inBlocks(list: string, key: string): string[] {
  return [0, 1].map((block) => `${list}.${block}.${key}`)
}

const QK_NORM = inBlocks('joint_blocks', 'x_block.attn.ln_q.weight')
const DUAL = inBlocks('joint_blocks', 'x_block.attn2.qkv.weight')
const QK_NORM_DIFFUSERS = inBlocks('transformer_blocks', 'attn.norm_q.weight')
const DUAL_DIFFUSERS = inBlocks('transformer_blocks', 'attn2.to_q.weight')

/** Keys of every SD3 transformer, and which of its parts this one has. */
function proofs(has: { qkNorm: boolean; dual: boolean }): Proof[] {
  const proof = (layout: Proof['layout'], common: string[], qkNorm: string[], dual: string[]): Proof => ({
    layout,
    keys: [...common, ...(has.qkNorm ? qkNorm.slice(0, 1) : []), ...(has.dual ? dual.slice(0, 1) : [])],
    not: [...(has.qkNorm ? [] : qkNorm), ...(has.dual ? [] : dual)],
  })
  return [
    proof('ldm', ['joint_blocks.0.context_block.attn.qkv.weight'], QK_NORM, DUAL),
    proof(
      'diffusers',
      [
        'transformer_blocks.0.attn.add_q_proj.weight',
        'transformer_blocks.0.norm1_context.linear.weight',
        'pos_embed.proj.weight',
      ],
      QK_NORM_DIFFUSERS,
      DUAL_DIFFUSERS,
    ),
  ]
}

function stableDiffusion3(id: string, title: string, dit3: DitNetwork): Omit<Architecture, 'modelspec'> {
  return {
    id,
    title,
    network: dit3,
    proofs: proofs({ qkNorm: dit3.dims.qk_norm === 1, dual: (dit3.dims.dual ?? 0) > 0 }),
    components: [
      dit(dit3),
      clipText('clip_l', 'text_encoders.clip_l.transformer.', clip(768, 12, true)),
      clipText('clip_g', 'text_encoders.clip_g.transformer.', clip(1280, 32, true)),
      textEncoder('t5xxl'),
      vae(VAE_16),
    ],
    prediction: 'flow',
    shift: 3,
    resolution: 1024,
    latent: { space: 'sd3', channels: 16, scale: 1.5305, shift: 0.0609 },
    variants: [],
  }
}

export const sd3Medium: Architecture = {
  ...stableDiffusion3(
    'stable-diffusion-v3-medium',
    'Stable Diffusion 3 medium',
    network(24, { positions: 36864, qk_norm: 0, dual: 0 }), // 192 x 192
  ),
  modelspec: 'stable-diffusion-v3-medium',
}

export const sd35Medium: Architecture = stableDiffusion3(
  'stable-diffusion-v3.5-medium',
  'Stable Diffusion 3.5 medium',
  network(24, { positions: 147456, qk_norm: 1, dual: 13 }), // 384 x 384
)

export const sd35Large: Architecture = stableDiffusion3(
  'stable-diffusion-v3.5-large',
  'Stable Diffusion 3.5 large',
  network(38, { positions: 36864, qk_norm: 1, dual: 0 }),
)
