import { alias, fused, swapped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional, scale } from '../template/row.ts'
import { textEncoder } from '../text-encoders/component.ts'
import { clip } from '../topology/text.ts'
import { VAE_16 } from '../topology/vae.ts'
import { type Architecture, clipText, dit, vae } from './architecture.ts'

/** What Chroma has, too. Source: black-forest-labs/flux, model.py and modules/layers.py. */
const BLOCKS = [
  layer('img_in', 'hidden in'),
  layer('txt_in', 'hidden context'),
  layer('double_blocks.{double}.{img,txt}_attn.qkv', '3hidden hidden'),
  scale('double_blocks.{double}.{img,txt}_attn.norm.{query,key}_norm', 'head'),
  layer('double_blocks.{double}.{img,txt}_attn.proj', 'hidden hidden'),
  layer('double_blocks.{double}.{img,txt}_mlp.0', '4hidden hidden'),
  layer('double_blocks.{double}.{img,txt}_mlp.2', 'hidden 4hidden'),
  layer('single_blocks.{single}.linear1', '7hidden hidden'), // rows: q, k, v, then 4 hidden of the MLP
  layer('single_blocks.{single}.linear2', 'hidden 5hidden'),
  scale('single_blocks.{single}.norm.{query,key}_norm', 'head'),
  layer('final_layer.linear', 'out hidden'),
]

const MODULATION = [
  layer('{time_in,vector_in}.out_layer', 'hidden hidden'),
  layer('time_in.in_layer', 'hidden 256'),
  layer('vector_in.in_layer', 'hidden vector'),
  optional(
    'guidance',
    layer('guidance_in.in_layer', 'hidden 256'),
    layer('guidance_in.out_layer', 'hidden hidden'),
  ),
  layer('double_blocks.{double}.{img,txt}_mod.lin', '6hidden hidden'),
  layer('single_blocks.{single}.modulation.lin', '3hidden hidden'),
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
]

/** Source: diffusers `scripts/convert_flux_to_diffusers.py`. */
const BLOCK_NAMES = [
  alias('x_embedder', 'img_in'),
  alias('context_embedder', 'txt_in'),
  fused(
    'double_blocks.{double}.img_attn.qkv',
    ['transformer_blocks.{double}.attn.to_q', 'hidden'],
    ['transformer_blocks.{double}.attn.to_k', 'hidden'],
    ['transformer_blocks.{double}.attn.to_v', 'hidden'],
  ),
  fused(
    'double_blocks.{double}.txt_attn.qkv',
    ['transformer_blocks.{double}.attn.add_q_proj', 'hidden'],
    ['transformer_blocks.{double}.attn.add_k_proj', 'hidden'],
    ['transformer_blocks.{double}.attn.add_v_proj', 'hidden'],
  ),
  alias(
    'transformer_blocks.{double}.attn.{to_out.0,to_add_out}',
    'double_blocks.{double}.{img,txt}_attn.proj',
  ),
  alias('transformer_blocks.{double}.{ff,ff_context}.net.0.proj', 'double_blocks.{double}.{img,txt}_mlp.0'),
  alias('transformer_blocks.{double}.{ff,ff_context}.net.2', 'double_blocks.{double}.{img,txt}_mlp.2'),
  alias(
    'transformer_blocks.{double}.attn.norm_{q,k}',
    'double_blocks.{double}.img_attn.norm.{query,key}_norm',
  ),
  alias(
    'transformer_blocks.{double}.attn.norm_added_{q,k}',
    'double_blocks.{double}.txt_attn.norm.{query,key}_norm',
  ),
  fused(
    'single_blocks.{single}.linear1',
    ['single_transformer_blocks.{single}.attn.to_q', 'hidden'],
    ['single_transformer_blocks.{single}.attn.to_k', 'hidden'],
    ['single_transformer_blocks.{single}.attn.to_v', 'hidden'],
    ['single_transformer_blocks.{single}.proj_mlp', '4hidden'],
  ),
  alias('single_transformer_blocks.{single}.proj_out', 'single_blocks.{single}.linear2'),
  alias('single_transformer_blocks.{single}.attn.norm_{q,k}', 'single_blocks.{single}.norm.{query,key}_norm'),
  alias('proj_out', 'final_layer.linear'),
]

const MODULATION_NAMES = [
  alias('time_text_embed.{timestep,text,guidance}_embedder.linear_1', '{time,vector,guidance}_in.in_layer'),
  alias('time_text_embed.{timestep,text,guidance}_embedder.linear_2', '{time,vector,guidance}_in.out_layer'),
  alias(
    'transformer_blocks.{double}.{norm1,norm1_context}.linear',
    'double_blocks.{double}.{img,txt}_mod.lin',
  ),
  alias('single_transformer_blocks.{single}.norm.linear', 'single_blocks.{single}.modulation.lin'),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
]

const ADAPTER_NAMES = [
  // XLabs; 1 is the picture, 2 the text. Their proj_lora of single blocks changes the output of the layer, not its weight.
  // Source: XLabs-AI/x-flux, modules/layers.py
  alias('double_blocks.{double}.qkv_lora{1,2}', 'double_blocks.{double}.{img,txt}_attn.qkv'),
  alias('double_blocks.{double}.proj_lora{1,2}', 'double_blocks.{double}.{img,txt}_attn.proj'),
  // kohya's OFT has a rotation for each part of a fused weight, oft_blocks.0 ... Source: sd-scripts networks/oft_flux.py
  ...['img', 'txt'].map((side) =>
    fused(
      `double_blocks.{double}.${side}_attn.qkv`,
      [`double_blocks.{double}.${side}_attn.qkv.0`, 'hidden'],
      [`double_blocks.{double}.${side}_attn.qkv.1`, 'hidden'],
      [`double_blocks.{double}.${side}_attn.qkv.2`, 'hidden'],
    ),
  ),
  fused(
    'single_blocks.{single}.linear1',
    ['single_blocks.{single}.linear1.0', 'hidden'],
    ['single_blocks.{single}.linear1.1', 'hidden'],
    ['single_blocks.{single}.linear1.2', 'hidden'],
    ['single_blocks.{single}.linear1.3', '4hidden'],
  ),
]

/** 16 channels of 2x2 pixels. */
const LATENTS = { path: 'img_in', columns: 64 }

export const FLUX_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [...BLOCKS, ...MODULATION].flat(),
  // black-forest-labs/flux, util.py
  dims: {
    hidden: 3072,
    head: 128,
    double: 19,
    single: 38,
    in: 64,
    out: 64,
    context: 4096,
    vector: 768,
    guidance: 1,
  },
  diffusers: [...BLOCK_NAMES, ...MODULATION_NAMES].flat(),
  adapterNames: ADAPTER_NAMES.flat(),
  latents: LATENTS,
  tells: ['img_in.weight', 'guidance_in.in_layer.weight'],
}

/** The all-in-one files of ComfyUI; Flux was published with its parts in files of their own. */
export const fluxDev: Architecture = {
  id: 'flux-1-dev',
  title: 'Flux.1',
  modelspec: 'flux-1-dev',
  network: FLUX_NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['double_blocks.0.img_attn.norm.key_norm.scale', 'img_in.weight', 'vector_in.in_layer.weight'],
      not: [
        'double_stream_modulation_img.lin.weight',
        'double_blocks.0.img_mlp.gate_proj.weight',
        'txt_in.individual_token_refiner.blocks.0.norm1.weight',
      ],
    },
    {
      layout: 'diffusers',
      keys: [
        'single_transformer_blocks.0.attn.to_q.weight',
        'time_text_embed.text_embedder.linear_1.weight',
        'x_embedder.weight',
      ],
    },
  ],
  components: [
    dit(FLUX_NETWORK),
    clipText('clip_l', 'text_encoders.clip_l.transformer.', clip(768, 12)),
    textEncoder('t5xxl'),
    vae(VAE_16, 'vae.'),
  ],
  prediction: 'flow',
  resolution: 1024,
  latent: { space: 'flux', channels: 16, scale: 0.3611, shift: 0.1159 },
  variants: [
    { id: 'schnell', title: 'schnell', modelspec: 'flux-1-schnell', dims: { guidance: 0 } },
    { id: 'fill', title: 'fill', dims: { in: 384 } },
    { id: 'control', title: 'canny or depth', dims: { in: 128 } },
  ],
}

/** A pruned schnell whose modulation comes from one small network. Source: lodestone-rock/flow, models/chroma. */
const CHROMA_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...BLOCKS,
    layer('distilled_guidance_layer.in_proj', 'approximator 64'),
    scale('distilled_guidance_layer.norms.{approximator_layer}', 'approximator'),
    layer('distilled_guidance_layer.layers.{approximator_layer}.{in,out}_layer', 'approximator approximator'),
    layer('distilled_guidance_layer.out_proj', 'hidden approximator'),
  ].flat(),
  dims: {
    hidden: 3072,
    head: 128,
    double: 19,
    single: 38,
    in: 64,
    out: 64,
    context: 4096,
    approximator: 5120,
    approximator_layer: 5,
  },
  diffusers: [
    ...BLOCK_NAMES,
    alias('distilled_guidance_layer.{in,out}_proj', 'distilled_guidance_layer.{in,out}_proj'),
    alias(
      'distilled_guidance_layer.norms.{approximator_layer}',
      'distilled_guidance_layer.norms.{approximator_layer}',
    ),
    alias(
      'distilled_guidance_layer.layers.{approximator_layer}.linear_{1,2}',
      'distilled_guidance_layer.layers.{approximator_layer}.{in,out}_layer',
    ),
  ].flat(),
  adapterNames: ADAPTER_NAMES.flat(),
  latents: LATENTS,
  tells: [],
}

export const chroma: Architecture = {
  id: 'chroma',
  title: 'Chroma',
  modelspec: 'chroma',
  network: CHROMA_NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['distilled_guidance_layer.in_proj.weight', 'double_blocks.0.img_attn.qkv.weight'],
    },
    {
      layout: 'diffusers',
      keys: ['distilled_guidance_layer.in_proj.weight', 'transformer_blocks.0.attn.to_q.weight'],
    },
  ],
  components: [],
  prediction: 'flow',
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [],
}
