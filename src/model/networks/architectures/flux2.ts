import { alias, fused, swapped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { optional, scale, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** No layer has a bias, and all blocks share their modulation. Source: black-forest-labs/flux2, model.py. */
const TEMPLATE = [
  weight('img_in', 'hidden in'),
  weight('txt_in', 'hidden context'),
  weight('time_in.in_layer', 'hidden 256'),
  weight('time_in.out_layer', 'hidden hidden'),
  optional(
    'guidance',
    weight('guidance_in.in_layer', 'hidden 256'),
    weight('guidance_in.out_layer', 'hidden hidden'),
  ),
  weight('double_stream_modulation_{img,txt}.lin', '6hidden hidden'),
  weight('single_stream_modulation.lin', '3hidden hidden'),
  weight('double_blocks.{double}.{img,txt}_attn.qkv', '3hidden hidden'),
  scale('double_blocks.{double}.{img,txt}_attn.norm.{query,key}_norm', 'head'),
  weight('double_blocks.{double}.{img,txt}_attn.proj', 'hidden hidden'),
  weight('double_blocks.{double}.{img,txt}_mlp.0', '6hidden hidden'), // gate and value of 3 hidden each
  weight('double_blocks.{double}.{img,txt}_mlp.2', 'hidden 3hidden'),
  weight('single_blocks.{single}.linear1', '9hidden hidden'), // rows: q, k, v, then 6 hidden of the MLP
  weight('single_blocks.{single}.linear2', 'hidden 4hidden'),
  scale('single_blocks.{single}.norm.{query,key}_norm', 'head'),
  weight('final_layer.linear', 'out hidden'),
  weight('final_layer.adaLN_modulation.1', '2hidden hidden'),
].flat()

/** Source: diffusers `convert_flux2_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('x_embedder', 'img_in'),
  alias('context_embedder', 'txt_in'),
  alias('time_guidance_embed.{timestep,guidance}_embedder.linear_1', '{time,guidance}_in.in_layer'),
  alias('time_guidance_embed.{timestep,guidance}_embedder.linear_2', '{time,guidance}_in.out_layer'),
  alias('double_stream_modulation_{img,txt}.linear', 'double_stream_modulation_{img,txt}.lin'),
  alias('single_stream_modulation.linear', 'single_stream_modulation.lin'),
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
  alias('transformer_blocks.{double}.{ff,ff_context}.linear_in', 'double_blocks.{double}.{img,txt}_mlp.0'),
  alias('transformer_blocks.{double}.{ff,ff_context}.linear_out', 'double_blocks.{double}.{img,txt}_mlp.2'),
  alias(
    'transformer_blocks.{double}.attn.norm_{q,k}',
    'double_blocks.{double}.img_attn.norm.{query,key}_norm',
  ),
  alias(
    'transformer_blocks.{double}.attn.norm_added_{q,k}',
    'double_blocks.{double}.txt_attn.norm.{query,key}_norm',
  ),
  alias('single_transformer_blocks.{single}.attn.to_qkv_mlp_proj', 'single_blocks.{single}.linear1'),
  alias('single_transformer_blocks.{single}.attn.to_out', 'single_blocks.{single}.linear2'),
  alias('single_transformer_blocks.{single}.attn.norm_{q,k}', 'single_blocks.{single}.norm.{query,key}_norm'),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
  alias('proj_out', 'final_layer.linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 6144, head: 128, double: 8, single: 48, in: 128, out: 128, context: 15360, guidance: 1 },
  diffusers: NAMES,
  tells: ['img_in.weight', 'txt_in.weight', 'guidance_in.in_layer.weight'],
}

export const flux2: Architecture = {
  id: 'flux-2',
  title: 'Flux.2',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['double_stream_modulation_img.lin.weight', 'double_blocks.0.img_attn.norm.key_norm.scale'],
    },
    {
      layout: 'diffusers',
      keys: [
        'double_stream_modulation_img.linear.weight',
        'single_transformer_blocks.0.attn.to_qkv_mlp_proj.weight',
      ],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['mistral3_24b'],
  prediction: 'flow',
  shift: 2.02,
  resolution: 1024,
  latent: LATENTS.flux2,
  variants: [
    { id: 'dev', title: 'dev', dims: { hidden: 6144, double: 8, single: 48, context: 15360, guidance: 1 } },
    {
      id: 'klein-4b',
      title: 'klein 4B',
      dims: { hidden: 3072, double: 5, single: 20, context: 7680, guidance: 0 },
      encoders: ['qwen3_4b'],
    },
    {
      id: 'klein-9b',
      title: 'klein 9B',
      dims: { hidden: 4096, double: 8, single: 24, context: 12288, guidance: 0 },
      encoders: ['qwen3_8b'],
    },
  ],
  // the others are distilled to 4 steps
  names: [{ id: 'base', title: 'base', words: /(?<![a-z])base(?![a-z])/i, of: ['klein-4b', 'klein-9b'] }],
}
