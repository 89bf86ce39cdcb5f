import { alias, fused } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, optional, parameter, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { fluxDev } from './flux.ts'
import { NEXT_DIT_BLOCKS, nextDitBlocks } from './lumina2.ts'

const blocks = (list: string) => nextDitBlocks(list, '3hidden')

/** Source: Tongyi-MAI/Z-Image, src/zimage/transformer.py. */
const TEMPLATE = [
  layer('x_embedder', 'hidden in'),
  layer('t_embedder.mlp.0', 'time 256'),
  layer('t_embedder.mlp.2', 'ada time'),
  weight('cap_embedder.0', 'context'),
  layer('cap_embedder.1', 'hidden context'),
  parameter('{x,cap}_pad_token', '1 hidden'),
  blocks('noise_refiner.{noise_refiner}'),
  layer('noise_refiner.{noise_refiner}.adaLN_modulation.0', '4hidden ada'),
  blocks('context_refiner.{context_refiner}'),
  blocks('layers.{layer}'),
  layer('layers.{layer}.adaLN_modulation.0', '4hidden ada'),
  optional(
    'omni',
    parameter('siglip_pad_token', '1 hidden'),
    weight('siglip_embedder.0', 'vision'),
    layer('siglip_embedder.1', 'hidden vision'),
    blocks('siglip_refiner.{siglip_refiner}'),
  ),
  layer('final_layer.linear', 'in hidden'),
  layer('final_layer.adaLN_modulation.1', 'hidden ada'),
].flat()

const LISTS = [
  'noise_refiner.{noise_refiner}',
  'context_refiner.{context_refiner}',
  'layers.{layer}',
  'siglip_refiner.{siglip_refiner}',
]

/** Source: diffusers `convert_z_image_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('all_x_embedder.2-1', 'x_embedder'),
  alias('all_final_layer.2-1.linear', 'final_layer.linear'),
  alias('all_final_layer.2-1.adaLN_modulation.1', 'final_layer.adaLN_modulation.1'),
  ...['t_embedder.mlp.{0,2}', 'cap_embedder.{0,1}', '{x,cap,siglip}_pad_token', 'siglip_embedder.{0,1}'].map(
    same,
  ),
  ...LISTS.flatMap((list) => [
    fused(
      `${list}.attention.qkv`,
      [`${list}.attention.to_q`, 'hidden'],
      [`${list}.attention.to_k`, 'hidden'],
      [`${list}.attention.to_v`, 'hidden'],
    ),
    alias(`${list}.attention.to_out.0`, `${list}.attention.out`),
    alias(`${list}.attention.norm_{q,k}`, `${list}.attention.{q,k}_norm`),
    same(`${list}.feed_forward.w{1,2,3}`),
    same(`${list}.{attention,ffn}_norm{1,2}`),
    same(`${list}.adaLN_modulation.0`),
  ]),
].flat()

function same(path: string) {
  return alias(path, path)
}

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 3840,
    head: 128,
    mlp: 10240,
    in: 64,
    time: 1024,
    ada: 256,
    context: 2560,
    noise_refiner: 2,
    context_refiner: 2,
    layer: 30,
    omni: 0,
  },
  diffusers: NAMES,
  blocks: NEXT_DIT_BLOCKS,
  tells: ['cap_embedder.1.weight'],
}

export const zImage: Architecture = {
  id: 'z-image',
  title: 'Z-Image',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['cap_pad_token', 'noise_refiner.0.attention.k_norm.weight'] },
    { layout: 'diffusers', keys: ['all_x_embedder.2-1.weight', 'noise_refiner.0.attention.norm_k.weight'] },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen3_4b'],
  prediction: 'flow',
  shift: 3,
  fp16: { list: 'layers', fromEnd: 2, norm: 'ffn_norm1.weight', width: 3840, below: 0.42 },
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [{ id: 'omni', title: 'Omni', dims: { omni: 1 } }],
  names: [
    { id: 'turbo', title: 'Turbo', words: /turbo/i, of: [''] },
    { id: 'base', title: 'Base', words: /(?<![a-z])base(?![a-z])/i, of: [''] },
    { id: 'edit', title: 'Edit', words: /(?<![a-z])edit(?![a-z])/i, of: [''] },
  ],
}
