import type { DitNetwork } from '../template/network.ts'
import { layer, optional, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const BLOCK = 'transformer_blocks.{block}'

/** Source: diffusers `QwenImageTransformer2DModel`, whose names are those of the published files. */
const TEMPLATE = [
  layer('img_in', 'hidden in'),
  layer('txt_in', 'hidden context'),
  weight('txt_norm', 'context'),
  layer('time_text_embed.timestep_embedder.linear_1', 'hidden 256'),
  layer('time_text_embed.timestep_embedder.linear_2', 'hidden hidden'),
  optional('layered', weight('time_text_embed.addition_t_embedding', '2 hidden')),
  layer(
    `${BLOCK}.attn.{to_q,to_k,to_v,to_out.0,add_q_proj,add_k_proj,add_v_proj,to_add_out}`,
    'hidden hidden',
  ),
  weight(`${BLOCK}.attn.norm_{q,k,added_q,added_k}`, 'head'),
  layer(`${BLOCK}.{img,txt}_mod.1`, '6hidden hidden'),
  layer(`${BLOCK}.{img,txt}_mlp.net.0.proj`, '4hidden hidden'),
  layer(`${BLOCK}.{img,txt}_mlp.net.2`, 'hidden 4hidden'),
  layer('norm_out.linear', '2hidden hidden'),
  layer('proj_out', 'out hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 3072, head: 128, block: 60, in: 64, out: 64, context: 3584, layered: 0 },
  diffusers: 'native',
  blocks: [{ path: 'transformer_blocks', label: 'T' }],
  tells: ['txt_norm.weight'],
}

export const qwenImage: Architecture = {
  id: 'qwen-image',
  title: 'Qwen-Image',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: [
        'txt_norm.weight',
        'transformer_blocks.0.img_mod.1.weight',
        'transformer_blocks.0.attn.norm_added_q.weight',
      ],
      not: ['single_transformer_blocks.0.attn.to_q.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen25_7b'],
  prediction: 'flow',
  shift: 1.15,
  fp16: 'overflows',
  resolution: 1328,
  latent: LATENTS.wan21,
  variants: [
    // the marker of ComfyUI for the way Edit 2511 counts its timesteps
    { id: 'edit-2511', title: 'Edit 2511', key: '__index_timestep_zero__' },
    { id: 'layered', title: 'Layered', dims: { layered: 1 } },
  ],
  names: [
    { id: 'edit-2509', title: 'Edit 2509', words: /edit.*2509/i, of: [''] },
    { id: 'edit-2511', title: 'Edit 2511', words: /edit.*2511/i, of: [''] },
    { id: 'edit', title: 'Edit', words: /(?<![a-z])edit(?![a-z])(?!.*25(?:09|11))/i, of: [''] },
  ],
}
