import type { DitNetwork } from '../template/network.ts'
import { layer } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const BLOCK = 'transformer_blocks.{block}'

/** Source: diffusers `CogVideoXTransformer3DModel`, in whose names it is published. */
const TEMPLATE = [
  layer('patch_embed.proj', 'hidden in 2 2'),
  layer('patch_embed.text_proj', 'hidden context'),
  layer('time_embedding.linear_1', 'time hidden'),
  layer('time_embedding.linear_2', 'time time'),
  layer(`${BLOCK}.norm{1,2}.linear`, '6hidden time'),
  layer(`${BLOCK}.norm{1,2}.norm`, 'hidden'),
  layer(`${BLOCK}.attn1.norm_{q,k}`, 'head'),
  layer(`${BLOCK}.attn1.{to_q,to_k,to_v,to_out.0}`, 'hidden hidden'),
  layer(`${BLOCK}.ff.net.0.proj`, '4hidden hidden'),
  layer(`${BLOCK}.ff.net.2`, 'hidden 4hidden'),
  layer('norm_final', 'hidden'),
  layer('norm_out.linear', '2hidden time'),
  layer('norm_out.norm', 'hidden'),
  layer('proj_out', 'out hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 3072, in: 16, out: 64, context: 4096, time: 512, head: 64, block: 42 },
  diffusers: 'native',
  tells: ['patch_embed.proj.weight'],
}

export const cogVideoX: Architecture = {
  id: 'cogvideox',
  title: 'CogVideoX',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['patch_embed.text_proj.weight', 'transformer_blocks.0.norm1.linear.weight', 'norm_final.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['t5xxl'],
  prediction: 'v',
  latent: LATENTS.cogvideox,
  variants: [
    { id: '2b', title: '2B', dims: { hidden: 1920, block: 30 } },
    { id: '5b', title: '5B', dims: { hidden: 3072, block: 42 } },
  ],
}
