import type { DitNetwork } from '../template/network.ts'
import { layer, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const LAYER = 'layers.{layer}'

/** All layers share their modulation. Source: diffusers `ErnieImageTransformer2DModel`, whose names are those of the published files. */
const TEMPLATE = [
  layer('x_embedder.proj', 'hidden in 1 1'),
  weight('text_proj', 'hidden context'),
  layer('time_embedding.linear_{1,2}', 'hidden hidden'),
  layer('adaLN_modulation.1', '6hidden hidden'),
  weight(`${LAYER}.adaLN_{sa,mlp}_ln`, 'hidden'),
  weight(`${LAYER}.self_attention.{to_q,to_k,to_v,to_out.0}`, 'hidden hidden'),
  weight(`${LAYER}.self_attention.norm_{q,k}`, 'head'),
  weight(`${LAYER}.mlp.{gate,up}_proj`, 'mlp hidden'),
  weight(`${LAYER}.mlp.linear_fc2`, 'hidden mlp'),
  layer('final_norm.linear', '2hidden hidden'),
  layer('final_linear', 'in hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 3072, in: 128, context: 2560, head: 128, mlp: 8192, layer: 24 },
  diffusers: 'native',
  tells: ['text_proj.weight'],
}

export const ernieImage: Architecture = {
  id: 'ernie-image',
  title: 'ERNIE-Image',
  network: NETWORK,
  proofs: [{ layout: 'ldm', keys: ['layers.0.mlp.linear_fc2.weight', 'layers.0.adaLN_sa_ln.weight'] }],
  components: [dit(NETWORK)],
  encoders: ['ministral3_3b'],
  prediction: 'flow',
  shift: 3,
  fp16: 'overflows',
  resolution: 1024,
  latent: LATENTS.flux2,
  variants: [],
}
