import type { DitNetwork } from '../template/network.ts'
import { layer, parameter, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { fluxDev } from './flux.ts'

/** @param isModulated by the timestep */
function blocks(list: string, isModulated: boolean): Row[] {
  return [
    weight(`${list}.attn.to_q`, 'hidden hidden'),
    weight(`${list}.attn.to_{k,v}`, 'kv hidden'),
    weight(`${list}.attn.to_out.0`, 'hidden hidden'),
    weight(`${list}.attn.norm_{q,k}`, 'head'),
    weight(`${list}.feed_forward.linear_{1,3}`, 'mlp hidden'),
    weight(`${list}.feed_forward.linear_2`, 'hidden mlp'),
    isModulated ? layer(`${list}.norm1.linear`, '4hidden time') : [],
    weight(isModulated ? `${list}.norm1.norm` : `${list}.norm1`, 'hidden'),
    weight(`${list}.{ffn_norm1,norm2,ffn_norm2}`, 'hidden'),
  ].flat()
}

/** Source: VectorSpaceLab/OmniGen2, omnigen2/models/transformers/transformer_omnigen2.py. */
const TEMPLATE = [
  layer('{x,ref_image_patch}_embedder', 'hidden in'),
  layer('time_caption_embed.timestep_embedder.linear_1', 'time 256'),
  layer('time_caption_embed.timestep_embedder.linear_2', 'time time'),
  weight('time_caption_embed.caption_embedder.0', 'context'),
  layer('time_caption_embed.caption_embedder.1', 'hidden context'),
  parameter('image_index_embedding', 'images hidden'),
  blocks('noise_refiner.{noise_refiner}', true),
  blocks('ref_image_refiner.{image_refiner}', true),
  blocks('context_refiner.{context_refiner}', false),
  blocks('layers.{layer}', true),
  layer('norm_out.linear_1', 'hidden time'),
  layer('norm_out.linear_2', 'in hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 2520,
    in: 64,
    time: 1024,
    context: 2048,
    kv: 840,
    head: 120,
    mlp: 10240,
    images: 5,
    noise_refiner: 2,
    image_refiner: 2,
    context_refiner: 2,
    layer: 32,
  },
  diffusers: 'native',
  tells: [],
}

export const omniGen2: Architecture = {
  id: 'omnigen2',
  title: 'OmniGen 2',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['time_caption_embed.timestep_embedder.linear_1.weight', 'ref_image_patch_embedder.weight'],
      not: ['double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen25_3b'],
  prediction: 'flow',
  shift: 2.6,
  resolution: 1024,
  latent: fluxDev.latent,
  variants: [],
}
