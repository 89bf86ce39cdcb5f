import { alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional } from '../template/row.ts'
import { textEncoder } from '../text-encoders/component.ts'
import { clip } from '../topology/text.ts'
import { VAE_16 } from '../topology/vae.ts'
import { type Architecture, clipText, dit, vae } from './architecture.ts'
import {
  FLUX_ADAPTER_NAMES,
  FLUX_LATENTS,
  FLUX_MLP,
  FLUX_MLP_NAMES,
  FLUX_MODULATION,
  FLUX_MODULATION_NAMES,
  FLUX_OUTPUT,
  FLUX_STREAM_NAMES,
  FLUX_STREAMS,
  FLUX_TIME,
  fluxSingleNames,
  fluxSingles,
} from './flux-blocks.ts'

export const FLUX_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...FLUX_STREAMS,
    ...FLUX_MLP,
    ...fluxSingles('7hidden'), // 4 hidden of the MLP
    ...FLUX_TIME,
    ...layer('vector_in.in_layer', 'hidden vector'),
    ...layer('vector_in.out_layer', 'hidden hidden'),
    ...optional(
      'guidance',
      layer('guidance_in.in_layer', 'hidden 256'),
      layer('guidance_in.out_layer', 'hidden hidden'),
    ),
    ...FLUX_MODULATION,
    ...FLUX_OUTPUT,
  ],
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
  diffusers: [
    ...FLUX_STREAM_NAMES,
    ...FLUX_MLP_NAMES,
    ...fluxSingleNames('4hidden'),
    ...alias(
      'time_text_embed.{timestep,text,guidance}_embedder.linear_1',
      '{time,vector,guidance}_in.in_layer',
    ),
    ...alias(
      'time_text_embed.{timestep,text,guidance}_embedder.linear_2',
      '{time,vector,guidance}_in.out_layer',
    ),
    ...FLUX_MODULATION_NAMES,
  ],
  adapterNames: FLUX_ADAPTER_NAMES,
  latents: FLUX_LATENTS,
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
    { id: 'schnell', title: 'schnell', modelspec: 'flux-1-schnell', dims: { guidance: 0 }, shift: 1 },
    { id: 'fill', title: 'fill', dims: { in: 384 }, fp16: 'overflows' },
    { id: 'control', title: 'canny or depth', dims: { in: 128 } },
    { id: 'flex-2', title: 'Flex.2', dims: { in: 196 } },
  ],
  names: [
    { id: 'kontext', title: 'Kontext', words: /kontext/i, of: [''] },
    { id: 'krea', title: 'Krea', words: /krea/i, of: [''] },
    { id: 'canny', title: 'canny', words: /canny/i, of: ['control'] },
    { id: 'depth', title: 'depth', words: /depth/i, of: ['control'] },
  ],
}
