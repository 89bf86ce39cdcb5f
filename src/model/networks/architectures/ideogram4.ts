import type { DitNetwork } from '../template/network.ts'
import { layer, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const LAYER = 'layers.{layer}'

/** Text is what several layers of a language model say, side by side. Source: diffusers `Ideogram4Transformer2DModel`. */
const TEMPLATE = [
  layer('input_proj', 'hidden in'),
  weight('llm_cond_norm', 'context'),
  layer('llm_cond_proj', 'hidden context'),
  layer('t_embedding.mlp_{in,out}', 'hidden hidden'),
  layer('adaln_proj', 'ada hidden'),
  weight('embed_image_indicator', '2 hidden'),
  weight(`${LAYER}.attention.{to_q,to_k,to_v,to_out.0}`, 'hidden hidden'),
  weight(`${LAYER}.attention.norm_{q,k}`, 'head'),
  weight(`${LAYER}.feed_forward.w{1,3}`, 'mlp hidden'),
  weight(`${LAYER}.feed_forward.w2`, 'hidden mlp'),
  weight(`${LAYER}.{attention_norm1,ffn_norm1,attention_norm2,ffn_norm2}`, 'hidden'),
  layer(`${LAYER}.adaln_modulation`, '4hidden ada'),
  layer('final_layer.linear', 'in hidden'),
  layer('final_layer.adaln_modulation', 'hidden ada'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: { hidden: 4608, in: 128, context: 53248, ada: 512, head: 256, mlp: 12288, layer: 34 },
  diffusers: 'native',
  tells: ['llm_cond_proj.weight'],
}

export const ideogram4: Architecture = {
  id: 'ideogram-4',
  title: 'Ideogram 4',
  network: NETWORK,
  proofs: [{ layout: 'ldm', keys: ['embed_image_indicator.weight', 'llm_cond_norm.weight'] }],
  components: [dit(NETWORK)],
  encoders: ['qwen3vl_8b'],
  prediction: 'flow',
  shift: 1,
  fp16: 'overflows',
  latent: LATENTS.flux2,
  variants: [],
}
