import type { DitNetwork } from '../template/network.ts'
import { layer, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** Four experts, of which a gate chooses, and one that all tokens share. */
function experts(path: string): Row[] {
  return [
    weight(`${path}.shared_experts.w{1,3}`, 'shared hidden'),
    weight(`${path}.shared_experts.w2`, 'hidden shared'),
    weight(`${path}.experts.{0,1,2,3}.w{1,3}`, 'mlp hidden'),
    weight(`${path}.experts.{0,1,2,3}.w2`, 'hidden mlp'),
    weight(`${path}.gate`, '4 hidden'),
  ].flat()
}

const [DOUBLE, SINGLE] = ['double_stream_blocks.{double}.block', 'single_stream_blocks.{single}.block']

/** `_t` is the text. Source: HiDream-ai/HiDream-I1, whose names diffusers has, too. */
const TEMPLATE = [
  layer('x_embedder.proj', 'hidden in'),
  layer('t_embedder.timestep_embedder.linear_1', 'hidden 256'),
  layer('t_embedder.timestep_embedder.linear_2', 'hidden hidden'),
  layer('p_embedder.pooled_embedder.linear_1', 'hidden pooled'),
  layer('p_embedder.pooled_embedder.linear_2', 'hidden hidden'),
  weight('caption_projection.{caption}.linear', 'hidden context'),
  layer(`${DOUBLE}.adaLN_modulation.1`, '12hidden hidden'),
  layer(`${DOUBLE}.attn1.to_{q,k,v,out,q_t,k_t,v_t,out_t}`, 'hidden hidden'),
  weight(`${DOUBLE}.attn1.{q_rms_norm,k_rms_norm,q_rms_norm_t,k_rms_norm_t}`, 'hidden'),
  experts(`${DOUBLE}.ff_i`),
  weight(`${DOUBLE}.ff_t.w{1,3}`, 'mlp hidden'),
  weight(`${DOUBLE}.ff_t.w2`, 'hidden mlp'),
  layer(`${SINGLE}.adaLN_modulation.1`, '6hidden hidden'),
  layer(`${SINGLE}.attn1.to_{q,k,v,out}`, 'hidden hidden'),
  weight(`${SINGLE}.attn1.{q,k}_rms_norm`, 'hidden'),
  experts(`${SINGLE}.ff_i`),
  layer('final_layer.linear', 'in hidden'),
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 2560,
    in: 64,
    pooled: 2048,
    context: 4096,
    mlp: 6912,
    shared: 3584,
    caption: 49,
    double: 16,
    single: 32,
  },
  diffusers: 'native',
  tells: [],
}

/** Full, Dev and Fast have the same keys. */
export const hiDream: Architecture = {
  id: 'hidream-i1',
  title: 'HiDream-I1',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: ['caption_projection.0.linear.weight', 'double_stream_blocks.0.block.adaLN_modulation.1.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['clip_l', 'clip_g', 't5xxl', 'llama3_8b'],
  prediction: 'flow',
  shift: 3,
  fp16: 'overflows',
  resolution: 1024,
  latent: LATENTS.flux,
  variants: [],
  names: [
    { id: 'full', title: 'full', words: /(?<![a-z])full(?![a-z])/i },
    { id: 'dev', title: 'dev', words: /(?<![a-z])dev(?![a-z])/i },
    { id: 'fast', title: 'fast', words: /(?<![a-z])fast(?![a-z])/i },
    { id: 'e1', title: 'E1', words: /(?<![a-z])e1(?![a-z0-9])/i },
  ],
}
