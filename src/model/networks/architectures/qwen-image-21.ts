import { alias, fused } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const BLOCK = 'transformer_blocks.{block}'
const SAME = [
  'img_in',
  'txt_in.{text_norm,in_layer,out_layer}',
  'time_text_embed.timestep_embedder.linear_{1,2}',
  'modulation.1',
  `${BLOCK}.attn.{to_q,to_k,to_v,to_out.0,norm_q,norm_k}`,
  `${BLOCK}.img_mlp.out`,
  'norm_out.linear',
  'proj_out',
]

/** One stream of picture and text, without a bias anywhere. Source: ComfyUI `ldm/qwen_image21/model.py`. */
const TEMPLATE = [
  weight('img_in', 'hidden in'),
  weight('txt_in.text_norm', 'context'),
  weight('txt_in.in_layer', 'hidden context'),
  weight('txt_in.out_layer', 'hidden hidden'),
  weight('time_text_embed.timestep_embedder.linear_1', 'hidden 256'),
  weight('time_text_embed.timestep_embedder.linear_2', 'hidden hidden'),
  weight('modulation.1', '4hidden hidden'),
  weight(`${BLOCK}.attn.{to_q,to_k,to_v,to_out.0}`, 'hidden hidden'),
  weight(`${BLOCK}.attn.norm_{q,k}`, 'head'),
  weight(`${BLOCK}.img_mlp.gate_up`, '2mlp hidden'),
  weight(`${BLOCK}.img_mlp.out`, 'hidden mlp'),
  weight('norm_out.linear', 'hidden hidden'),
  weight('proj_out', 'out hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 4096, head: 128, context: 4096, mlp: 12288, in: 64, out: 64, block: 32 },
  // Source: diffusers `QwenImage21Transformer2DModel`
  diffusers: [
    ...SAME.flatMap((path) => alias(path, path)),
    ...fused(
      `${BLOCK}.img_mlp.gate_up`,
      [`${BLOCK}.img_mlp.gate_layer`, 'mlp'],
      [`${BLOCK}.img_mlp.proj`, 'mlp'],
    ),
  ],
  tells: ['img_in.weight'],
}

const SHARED = ['txt_in.text_norm.weight', 'modulation.1.weight']

export const qwenImage21: Architecture = {
  id: 'qwen-image-2.1',
  title: 'Qwen-Image 2.1',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: [...SHARED, 'transformer_blocks.0.img_mlp.gate_up.weight'] },
    { layout: 'diffusers', keys: [...SHARED, 'transformer_blocks.0.img_mlp.gate_layer.weight'] },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen3vl_8b'],
  prediction: 'flow',
  shift: 0.69,
  fp16: 'overflows',
  latent: LATENTS['qwen-image-21'],
  variants: [],
}
