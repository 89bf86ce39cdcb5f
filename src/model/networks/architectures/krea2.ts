import { type Alias, alias, reshaped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, parameter, type Row, scale, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** Attention with a gate, and a gated MLP. */
function block(path: string, { width, kv, mlp }: { width: string; kv: string; mlp: string }): Row[] {
  return [
    scale(`${path}.{pre,post}norm`, width),
    weight(`${path}.attn.{wq,gate,wo}`, `${width} ${width}`),
    weight(`${path}.attn.{wk,wv}`, `${kv} ${width}`),
    scale(`${path}.attn.qknorm.{q,k}norm`, 'head'),
    weight(`${path}.mlp.{gate,up}`, `${mlp} ${width}`),
    weight(`${path}.mlp.down`, `${width} ${mlp}`),
  ].flat()
}

const BLOCK = 'blocks.{block}'
const FUSION = ['txtfusion.layerwise_blocks.{layerwise}', 'txtfusion.refiner_blocks.{refiner}']

/** Several layers of the language model are weighed and refined first. Source: ComfyUI `ldm/krea2/model.py`. */
const TEMPLATE = [
  layer('first', 'hidden in'),
  layer('tmlp.0', 'hidden time'),
  layer('tmlp.2', 'hidden hidden'),
  layer('tproj.1', '6hidden hidden'),
  FUSION.flatMap((list) => block(list, { width: 'text', kv: 'text_kv', mlp: 'text_mlp' })),
  weight('txtfusion.projector', '1 text_layers'),
  scale('txtmlp.0', 'text'),
  layer('txtmlp.1', 'hidden text'),
  layer('txtmlp.3', 'hidden hidden'),
  block(BLOCK, { width: 'hidden', kv: 'kv', mlp: 'mlp' }),
  parameter(`${BLOCK}.mod.lin`, '6hidden'),
  parameter('last.modulation.lin', '2 hidden'),
  scale('last.norm', 'hidden'),
  layer('last.linear', 'in hidden'),
].flat()

function blockNames(theirs: string, ours: string): Alias[] {
  return [
    alias(`${theirs}.norm{1,2}`, `${ours}.{pre,post}norm`),
    alias(`${theirs}.attn.{to_q,to_k,to_v,to_gate,to_out.0}`, `${ours}.attn.{wq,wk,wv,gate,wo}`),
    alias(`${theirs}.attn.norm_{q,k}`, `${ours}.attn.qknorm.{q,k}norm`),
    alias(`${theirs}.ff.{gate,up,down}`, `${ours}.mlp.{gate,up,down}`),
  ].flat()
}

/** Source: diffusers `convert_krea2_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('img_in', 'first'),
  alias('time_embed.linear_{1,2}', 'tmlp.{0,2}'),
  alias('time_mod_proj', 'tproj.1'),
  FUSION.flatMap((list) => blockNames(list.replace('txtfusion', 'text_fusion'), list)),
  alias('text_fusion.projector', 'txtfusion.projector'),
  alias('txt_in.{norm,linear_1,linear_2}', 'txtmlp.{0,1,3}'),
  blockNames('transformer_blocks.{block}', BLOCK),
  reshaped('transformer_blocks.{block}.scale_shift_table', `${BLOCK}.mod.lin`, '6 hidden'),
  alias('final_layer.scale_shift_table', 'last.modulation.lin'),
  alias('final_layer.norm', 'last.norm'),
  alias('final_layer.linear', 'last.linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 6144,
    kv: 1536,
    head: 128,
    mlp: 16384,
    in: 64,
    time: 256,
    text: 2560,
    text_kv: 2560,
    text_mlp: 6912,
    text_layers: 12,
    layerwise: 2,
    refiner: 2,
    block: 28,
  },
  diffusers: NAMES,
  tells: [],
}

/** Turbo and raw have the same keys. */
export const krea2: Architecture = {
  id: 'krea-2',
  title: 'Krea 2',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['txtfusion.projector.weight', 'blocks.0.attn.wq.weight'] },
    {
      layout: 'diffusers',
      keys: ['text_fusion.projector.weight', 'transformer_blocks.0.attn.to_gate.weight'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['qwen3vl_4b'],
  prediction: 'flow',
  shift: 1.15,
  resolution: 1024,
  latent: LATENTS.wan21,
  variants: [],
  names: [
    { id: 'turbo', title: 'Turbo', words: /turbo/i },
    { id: 'raw', title: 'Raw', words: /(?<![a-z])raw(?![a-z])/i },
  ],
}
