import { alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

const [BLOCK, THEIRS] = ['blocks.{block}', 'transformer_blocks.{block}']

/** Modulation has a factor of low rank. Source: nvidia-cosmos/cosmos-predict2, models/text2image_dit.py. */
const TEMPLATE = [
  weight('x_embedder.proj.1', 'hidden in'),
  weight('t_embedder.1.linear_1', 'hidden hidden'),
  weight('t_embedder.1.linear_2', '3hidden hidden'),
  weight('t_embedding_norm', 'hidden'),
  weight(`${BLOCK}.adaln_modulation_{self_attn,cross_attn,mlp}.1`, 'adaln hidden'),
  weight(`${BLOCK}.adaln_modulation_{self_attn,cross_attn,mlp}.2`, '3hidden adaln'),
  weight(`${BLOCK}.{self_attn,cross_attn}.{q,k}_norm`, 'head'),
  weight(`${BLOCK}.self_attn.{q_proj,k_proj,v_proj,output_proj}`, 'hidden hidden'),
  weight(`${BLOCK}.cross_attn.{q_proj,output_proj}`, 'hidden hidden'),
  weight(`${BLOCK}.cross_attn.{k,v}_proj`, 'hidden context'),
  weight(`${BLOCK}.mlp.layer1`, '4hidden hidden'),
  weight(`${BLOCK}.mlp.layer2`, 'hidden 4hidden'),
  weight('final_layer.adaln_modulation.1', 'adaln hidden'),
  weight('final_layer.adaln_modulation.2', '2hidden adaln'),
  weight('final_layer.linear', 'out hidden'),
].flat()

/** Source: diffusers `convert_cosmos_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('patch_embed.proj', 'x_embedder.proj.1'),
  alias('time_embed.t_embedder.linear_{1,2}', 't_embedder.1.linear_{1,2}'),
  alias('time_embed.norm', 't_embedding_norm'),
  alias(`${THEIRS}.norm{1,2,3}.linear_1`, `${BLOCK}.adaln_modulation_{self_attn,cross_attn,mlp}.1`),
  alias(`${THEIRS}.norm{1,2,3}.linear_2`, `${BLOCK}.adaln_modulation_{self_attn,cross_attn,mlp}.2`),
  alias(`${THEIRS}.attn1.{to_q,to_k,to_v,to_out.0}`, `${BLOCK}.self_attn.{q_proj,k_proj,v_proj,output_proj}`),
  alias(
    `${THEIRS}.attn2.{to_q,to_k,to_v,to_out.0}`,
    `${BLOCK}.cross_attn.{q_proj,k_proj,v_proj,output_proj}`,
  ),
  alias(`${THEIRS}.attn1.norm_{q,k}`, `${BLOCK}.self_attn.{q,k}_norm`),
  alias(`${THEIRS}.attn2.norm_{q,k}`, `${BLOCK}.cross_attn.{q,k}_norm`),
  alias(`${THEIRS}.ff.{net.0.proj,net.2}`, `${BLOCK}.mlp.{layer1,layer2}`),
  alias('norm_out.linear_{1,2}', 'final_layer.adaln_modulation.{1,2}'),
  alias('proj_out', 'final_layer.linear'),
].flat()

/** 16 channels and a mask of padding, in patches of 2x2. */
const SMALL = { hidden: 2048, head: 128, context: 1024, adaln: 256, block: 28, in: 68, out: 64 }

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: SMALL,
  diffusers: NAMES,
  tells: ['x_embedder.proj.1.weight'],
}

const NATIVE = ['blocks.0.mlp.layer1.weight', 'blocks.0.adaln_modulation_mlp.1.weight']
const ADAPTER = 'llm_adapter.blocks.0.cross_attn.q_proj.weight'

export const cosmosPredict2: Architecture = {
  id: 'cosmos-predict2',
  title: 'Cosmos-Predict2',
  network: NETWORK,
  prefix: 'net.',
  proofs: [
    { layout: 'ldm', keys: NATIVE, not: [ADAPTER, 'llm_adapter.embed.weight'] },
    {
      layout: 'diffusers',
      keys: [
        'time_embed.t_embedder.linear_1.weight',
        'transformer_blocks.0.norm3.linear_1.weight',
        'patch_embed.proj.weight',
      ],
      not: ['learnable_pos_embed.pos_emb_t'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['t5_11b'],
  prediction: 'flow',
  latent: LATENTS.wan21,
  variants: [
    { id: '2b', title: '2B', dims: { hidden: 2048, block: 28, in: 68 } },
    { id: '2b-v2w', title: '2B Video2World', dims: { hidden: 2048, block: 28, in: 72 } },
    { id: '14b', title: '14B', dims: { hidden: 5120, block: 36, in: 68 } },
    { id: '14b-v2w', title: '14B Video2World', dims: { hidden: 5120, block: 36, in: 72 } },
  ],
}

const TEXT = 'llm_adapter.blocks.{adapter_block}'

/** What Qwen3 says in the place of T5. Source: ComfyUI `ldm/anima/model.py`. */
const LLM_ADAPTER = [
  weight('llm_adapter.embed', 'vocabulary context'),
  weight(`${TEXT}.norm_{self_attn,cross_attn,mlp}`, 'context'),
  weight(`${TEXT}.{self_attn,cross_attn}.{q,k,v,o}_proj`, 'context context'),
  weight(`${TEXT}.{self_attn,cross_attn}.{q,k}_norm`, 'adapter_head'),
  layer(`${TEXT}.mlp.0`, '4context context'),
  layer(`${TEXT}.mlp.2`, 'context 4context'),
  layer('llm_adapter.out_proj', 'context context'),
  weight('llm_adapter.norm', 'context'),
].flat()

const ANIMA_NETWORK: DitNetwork = {
  kind: 'dit',
  template: [...TEMPLATE, ...LLM_ADAPTER],
  dims: { ...SMALL, vocabulary: 32128, adapter_head: 64, adapter_block: 6 },
  // diffusers keeps the text adapter in a model of its own
  adapterNames: [
    ...NAMES,
    ...LLM_ADAPTER.flatMap(({ path }) => alias(path.replace('llm_adapter', 'text_conditioner'), path)),
  ],
  tells: [],
}

export const anima: Architecture = {
  id: 'anima',
  title: 'Anima',
  modelspec: 'anima-preview',
  network: ANIMA_NETWORK,
  prefix: 'net.',
  proofs: [{ layout: 'ldm', keys: [...NATIVE, ADAPTER] }],
  components: [dit(ANIMA_NETWORK)],
  encoders: ['qwen3_06b'],
  prediction: 'flow',
  shift: 3,
  resolution: 1024,
  latent: LATENTS.wan21,
  variants: [],
}
