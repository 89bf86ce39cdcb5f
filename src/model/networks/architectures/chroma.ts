import { alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, scale } from '../template/row.ts'
import type { Architecture } from './architecture.ts'
import { fluxDev } from './flux.ts'
import {
  FLUX_ADAPTER_NAMES,
  FLUX_LATENTS,
  FLUX_MLP,
  FLUX_MLP_NAMES,
  FLUX_OUTPUT,
  FLUX_STREAM_NAMES,
  FLUX_STREAMS,
  fluxSingleNames,
  fluxSingles,
} from './flux-blocks.ts'
import { LATENTS } from './latent-spaces.ts'

/** The small network from which Chroma takes all modulation. */
const GUIDANCE = [
  layer('distilled_guidance_layer.in_proj', 'approximator approximator_in'),
  scale('distilled_guidance_layer.norms.{approximator_layer}', 'approximator'),
  layer('distilled_guidance_layer.layers.{approximator_layer}.{in,out}_layer', 'approximator approximator'),
  layer('distilled_guidance_layer.out_proj', 'hidden approximator'),
].flat()

const GUIDANCE_NAMES = [
  alias('distilled_guidance_layer.{in,out}_proj', 'distilled_guidance_layer.{in,out}_proj'),
  alias(
    'distilled_guidance_layer.norms.{approximator_layer}',
    'distilled_guidance_layer.norms.{approximator_layer}',
  ),
  alias(
    'distilled_guidance_layer.layers.{approximator_layer}.linear_{1,2}',
    'distilled_guidance_layer.layers.{approximator_layer}.{in,out}_layer',
  ),
].flat()

const CHROMA_DIMS = {
  hidden: 3072,
  head: 128,
  double: 19,
  single: 38,
  context: 4096,
  approximator: 5120,
  approximator_in: 64,
  approximator_layer: 5,
}

/** A pruned schnell. Source: lodestone-rock/flow, models/chroma. */
const CHROMA_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [...FLUX_STREAMS, ...FLUX_MLP, ...fluxSingles('7hidden'), ...FLUX_OUTPUT, ...GUIDANCE],
  dims: { ...CHROMA_DIMS, in: 64, out: 64 },
  diffusers: [...FLUX_STREAM_NAMES, ...FLUX_MLP_NAMES, ...fluxSingleNames('4hidden'), ...GUIDANCE_NAMES],
  adapterNames: FLUX_ADAPTER_NAMES,
  latents: FLUX_LATENTS,
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
      not: ['img_in_patch.weight', 'nerf_blocks.0.norm.scale'], // Radiance
    },
    {
      layout: 'diffusers',
      keys: ['distilled_guidance_layer.in_proj.weight', 'transformer_blocks.0.attn.to_q.weight'],
    },
  ],
  components: [],
  encoders: ['t5xxl'],
  prediction: 'flow',
  shift: 1,
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [],
}

/** Draws pixels: small networks whose weights the blocks make take the place of the output. Source: ComfyUI `ldm/chroma_radiance/model.py`. */
const RADIANCE_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [
    ...FLUX_STREAMS.filter(({ path }) => path !== 'img_in'),
    ...layer('img_in_patch', 'hidden 3 patch patch'),
    ...FLUX_MLP,
    ...fluxSingles('7hidden'),
    ...GUIDANCE,
    ...layer('nerf_image_embedder.embedder.0', 'nerf nerf_in'),
    ...layer('nerf_blocks.{nerf_block}.param_generator', 'nerf_weights hidden'),
    ...scale('nerf_blocks.{nerf_block}.norm', 'nerf'),
    ...scale('nerf_final_layer_conv.norm', 'nerf'),
    ...layer('nerf_final_layer_conv.conv', '3 nerf 3 3'),
  ],
  dims: { ...CHROMA_DIMS, patch: 16, nerf: 64, nerf_in: 67, nerf_weights: 49152, nerf_block: 4 },
  adapterNames: FLUX_ADAPTER_NAMES,
  tells: ['img_in_patch.weight'],
}

export const chromaRadiance: Architecture = {
  id: 'chroma-radiance',
  title: 'Chroma Radiance',
  network: RADIANCE_NETWORK,
  proofs: [{ layout: 'ldm', keys: ['img_in_patch.weight', 'nerf_blocks.0.norm.scale'] }],
  components: [],
  encoders: ['t5xxl'],
  prediction: 'flow',
  shift: 1,
  resolution: 1024,
  latent: LATENTS.pixel,
  variants: [],
}
