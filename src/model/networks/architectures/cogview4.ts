import type { DitNetwork } from '../template/network.ts'
import { layer } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const BLOCK = 'transformer_blocks.{block}'

/** Text and picture pass the same weights, each with its modulation. Source: diffusers `CogView4Transformer2DModel`. */
const TEMPLATE = [
  layer('patch_embed.proj', 'hidden in'),
  layer('patch_embed.text_proj', 'hidden context'),
  layer('time_condition_embed.timestep_embedder.linear_1', 'time hidden'),
  layer('time_condition_embed.condition_embedder.linear_1', 'time sizes'),
  layer('time_condition_embed.{timestep,condition}_embedder.linear_2', 'time time'),
  layer(`${BLOCK}.norm1.linear`, '12hidden time'),
  layer(`${BLOCK}.attn1.{to_q,to_k,to_v,to_out.0}`, 'hidden hidden'),
  layer(`${BLOCK}.ff.net.0.proj`, '4hidden hidden'),
  layer(`${BLOCK}.ff.net.2`, 'hidden 4hidden'),
  layer('norm_out.linear', '2hidden time'),
  layer('proj_out', 'in hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 4096, in: 64, context: 4096, time: 512, sizes: 1536, block: 28 },
  diffusers: 'native',
  tells: ['patch_embed.text_proj.weight'],
}

export const cogView4: Architecture = {
  id: 'cogview-4',
  title: 'CogView4',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['patch_embed.text_proj.weight', 'time_condition_embed.condition_embedder.linear_1.weight'],
    },
  ],
  components: [dit(NETWORK)],
  prediction: 'flow',
  resolution: 1024,
  latent: LATENTS.cogview4,
  variants: [],
}
