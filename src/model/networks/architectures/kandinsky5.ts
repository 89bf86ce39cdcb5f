import type { DitNetwork } from '../template/network.ts'
import { layer, type Row, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { fluxDev } from './flux.ts'
import { LATENTS } from './latent-spaces.ts'

function attention(path: string): Row[] {
  return [
    layer(`${path}.{to_query,to_key,to_value,out_layer}`, 'hidden hidden'),
    weight(`${path}.{query_norm,key_norm}`, 'head'),
  ].flat()
}

const [TEXT, VISUAL] = ['text_transformer_blocks.{text}', 'visual_transformer_blocks.{visual}']

/** Source: kandinskylab/kandinsky-5, kandinsky/models/dit.py, whose names diffusers has, too. */
const TEMPLATE = [
  layer('time_embeddings.in_layer', 'time hidden'),
  layer('time_embeddings.out_layer', 'time time'),
  layer('text_embeddings.in_layer', 'hidden context'),
  layer('text_embeddings.norm', 'hidden'),
  layer('pooled_text_embeddings.in_layer', 'time pooled'),
  layer('pooled_text_embeddings.norm', 'time'),
  layer('visual_embeddings.in_layer', 'hidden in'),
  layer(`${TEXT}.text_modulation.out_layer`, '6hidden time'),
  attention(`${TEXT}.self_attention`),
  weight(`${TEXT}.feed_forward.in_layer`, 'mlp hidden'),
  weight(`${TEXT}.feed_forward.out_layer`, 'hidden mlp'),
  layer(`${VISUAL}.visual_modulation.out_layer`, '9hidden time'),
  attention(`${VISUAL}.self_attention`),
  attention(`${VISUAL}.cross_attention`),
  weight(`${VISUAL}.feed_forward.in_layer`, 'mlp hidden'),
  weight(`${VISUAL}.feed_forward.out_layer`, 'hidden mlp'),
  layer('out_layer.modulation.out_layer', '2hidden time'),
  layer('out_layer.out_layer', 'out hidden'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 1792,
    time: 512,
    context: 3584,
    pooled: 768,
    in: 132, // 16 channels of the latent, 16 of the conditioned one, a mask; patches of 2x2
    out: 64,
    mlp: 7168,
    head: 64,
    text: 2,
    visual: 32,
  },
  diffusers: 'native',
  tells: ['visual_embeddings.in_layer.weight'],
}

const PRO = { hidden: 4096, time: 1024, mlp: 16384, head: 128, text: 4, visual: 60 }
const IMAGE = { hidden: 2560, mlp: 10240, head: 128, visual: 50, in: 64 }

export const kandinsky5: Architecture = {
  id: 'kandinsky-5',
  title: 'Kandinsky 5',
  network: NETWORK,
  proofs: [
    {
      layout: 'ldm',
      keys: [
        'visual_transformer_blocks.0.cross_attention.key_norm.weight',
        'text_transformer_blocks.0.self_attention.to_query.weight',
      ],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen25_7b', 'clip_l'],
  prediction: 'flow',
  shift: 10,
  fp16: 'overflows',
  latent: LATENTS['hunyuan-video'],
  variants: [
    { id: 'video-lite', title: 'Lite video', dims: { hidden: 1792, visual: 32, text: 2 } },
    {
      id: 'image-lite',
      title: 'Lite image',
      dims: IMAGE,
      latent: fluxDev.latent,
      resolution: 1024,
      shift: 3,
    },
    { id: 'video-pro', title: 'Pro video', dims: PRO },
  ],
}
