/** Transformers of others with the blocks of Flux.1: no pooled text, and other MLPs or depths. */
import { alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, scale } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { fluxDev } from './flux.ts'
import {
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

const DIMS = { hidden: 3072, head: 128, in: 64, out: 64 }

/** Gated MLPs. Source: AIDC-AI/Ovis-Image, ovis_image/model/model.py. */
const OVIS_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...FLUX_STREAMS,
    ...scale('txt_norm', 'context'),
    ...layer('double_blocks.{double}.{img,txt}_mlp.{up,gate}_proj', '4hidden hidden'),
    ...layer('double_blocks.{double}.{img,txt}_mlp.down_proj', 'hidden 4hidden'),
    ...fluxSingles('11hidden'), // twice 4 hidden of the MLP
    ...FLUX_TIME,
    ...FLUX_MODULATION,
    ...FLUX_OUTPUT,
  ],
  dims: { ...DIMS, context: 2048, double: 6, single: 27 },
  // all names of diffusers but that of the weight with both halves of a gated MLP
  adapterNames: [
    ...FLUX_STREAM_NAMES,
    ...alias(
      'transformer_blocks.{double}.{ff,ff_context}.net.2',
      'double_blocks.{double}.{img,txt}_mlp.down_proj',
    ),
    ...fluxSingleNames('8hidden'),
    ...FLUX_MODULATION_NAMES,
  ],
  latents: FLUX_LATENTS,
  tells: ['txt_in.weight'],
}

export const ovisImage: Architecture = {
  id: 'ovis-image',
  title: 'Ovis-Image',
  network: OVIS_NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['double_blocks.0.img_mlp.gate_proj.weight', 'txt_norm.scale'] },
    // diffusers keeps both halves of a gated MLP in one weight, which no alias can say: named only
    {
      layout: 'diffusers',
      keys: ['context_embedder_norm.weight', 'single_transformer_blocks.0.proj_mlp.weight'],
    },
  ],
  components: [dit(OVIS_NETWORK)],
  encoders: ['qwen3_2b'],
  prediction: 'flow',
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [],
}

/** Source: meituan-longcat/LongCat-Image, and diffusers `LongCatImageTransformer2DModel`. */
const LONGCAT_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...FLUX_STREAMS,
    ...FLUX_MLP,
    ...fluxSingles('7hidden'),
    ...FLUX_TIME,
    ...FLUX_MODULATION,
    ...FLUX_OUTPUT,
  ],
  dims: { ...DIMS, context: 3584, double: 10, single: 20 },
  diffusers: [
    ...FLUX_STREAM_NAMES,
    ...FLUX_MLP_NAMES,
    ...fluxSingleNames('4hidden'),
    ...FLUX_MODULATION_NAMES,
    ...alias('time_embed.timestep_embedder.linear_{1,2}', 'time_in.{in,out}_layer'),
  ],
  latents: FLUX_LATENTS,
  tells: ['txt_in.weight'],
}

export const longCatImage: Architecture = {
  id: 'longcat-image',
  title: 'LongCat-Image',
  network: LONGCAT_NETWORK,
  // a Flux.1 without its pooled text is not one: the width of Qwen2.5-VL decides
  proofs: [
    {
      layout: 'ldm',
      keys: ['double_blocks.0.img_attn.norm.key_norm.scale', 'img_in.weight', 'time_in.in_layer.weight'],
      not: ['vector_in.in_layer.weight', 'double_stream_modulation_img.lin.weight'],
      size: { key: 'txt_in.weight', axis: 1, is: [3584] },
    },
    {
      layout: 'diffusers',
      keys: ['time_embed.timestep_embedder.linear_1.weight', 'single_transformer_blocks.0.proj_mlp.weight'],
      size: { key: 'context_embedder.weight', axis: 1, is: [3584] },
    },
  ],
  components: [dit(LONGCAT_NETWORK)],
  encoders: ['qwen25_7b'],
  prediction: 'flow',
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [],
}
