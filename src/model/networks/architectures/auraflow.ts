import { alias, swapped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { layer, parameter, weight } from '../template/row.ts'
import { type Architecture, dit } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'

/** `X` and `w2` are the picture, `C` and `w1` the text. Source: cloneofsimo/minRF, and ComfyUI `ldm/aura/mmdit.py`. */
const TEMPLATE = [
  parameter('register_tokens', '1 registers hidden'),
  parameter('positional_encoding', '1 positions hidden'),
  layer('init_x_linear', 'hidden in'),
  weight('cond_seq_linear', 'hidden context'),
  layer('t_embedder.mlp.0', 'hidden 256'),
  layer('t_embedder.mlp.2', 'hidden hidden'),
  weight('double_layers.{double}.mod{X,C}.1', '6hidden hidden'),
  weight('double_layers.{double}.attn.w{1,2}{q,k,v,o}', 'hidden hidden'),
  weight('double_layers.{double}.mlp{X,C}.c_fc{1,2}', 'mlp hidden'),
  weight('double_layers.{double}.mlp{X,C}.c_proj', 'hidden mlp'),
  weight('single_layers.{single}.modCX.1', '6hidden hidden'),
  weight('single_layers.{single}.attn.w1{q,k,v,o}', 'hidden hidden'),
  weight('single_layers.{single}.mlp.c_fc{1,2}', 'mlp hidden'),
  weight('single_layers.{single}.mlp.c_proj', 'hidden mlp'),
  weight('modF.1', '2hidden hidden'),
  weight('final_linear', 'out hidden'),
].flat()

const [JOINT, SINGLE] = ['joint_transformer_blocks.{double}', 'single_transformer_blocks.{single}']

/** Source: diffusers `convert_auraflow_transformer_checkpoint_to_diffusers` in loaders/single_file_utils.py. */
const NAMES = [
  alias('register_tokens', 'register_tokens'),
  alias('pos_embed.pos_embed', 'positional_encoding'),
  alias('pos_embed.proj', 'init_x_linear'),
  alias('context_embedder', 'cond_seq_linear'),
  alias('time_step_proj.linear_{1,2}', 't_embedder.mlp.{0,2}'),
  alias(`${JOINT}.{norm1,norm1_context}.linear`, 'double_layers.{double}.mod{X,C}.1'),
  alias(`${JOINT}.attn.to_{q,k,v,out.0}`, 'double_layers.{double}.attn.w2{q,k,v,o}'),
  alias(
    `${JOINT}.attn.{add_q_proj,add_k_proj,add_v_proj,to_add_out}`,
    'double_layers.{double}.attn.w1{q,k,v,o}',
  ),
  alias(`${JOINT}.{ff,ff_context}.linear_1`, 'double_layers.{double}.mlp{X,C}.c_fc1'),
  alias(`${JOINT}.{ff,ff_context}.linear_2`, 'double_layers.{double}.mlp{X,C}.c_fc2'),
  alias(`${JOINT}.{ff,ff_context}.out_projection`, 'double_layers.{double}.mlp{X,C}.c_proj'),
  alias(`${SINGLE}.norm1.linear`, 'single_layers.{single}.modCX.1'),
  alias(`${SINGLE}.attn.to_{q,k,v,out.0}`, 'single_layers.{single}.attn.w1{q,k,v,o}'),
  alias(`${SINGLE}.ff.linear_{1,2}`, 'single_layers.{single}.mlp.c_fc{1,2}'),
  alias(`${SINGLE}.ff.out_projection`, 'single_layers.{single}.mlp.c_proj'),
  swapped('norm_out.linear', 'modF.1'),
  alias('proj_out', 'final_linear'),
].flat()

const NETWORK: DitNetwork = {
  kind: 'dit',
  template: TEMPLATE,
  dims: {
    hidden: 3072,
    in: 16,
    out: 16,
    context: 2048,
    mlp: 8192,
    registers: 8,
    double: 4,
    single: 32,
  },
  diffusers: NAMES,
  tells: ['positional_encoding'],
}

/** Pony v7 is one by its keys. The table of positions is of another size in each version. */
export const auraFlow: Architecture = {
  id: 'auraflow',
  title: 'AuraFlow',
  modelspec: 'auraflow-v1',
  network: NETWORK,
  proofs: [
    { layout: 'ldm', keys: ['double_layers.0.attn.w1q.weight', 'init_x_linear.weight'] },
    {
      layout: 'diffusers',
      keys: ['joint_transformer_blocks.0.attn.add_q_proj.weight', 'register_tokens'],
    },
  ],
  components: [dit(NETWORK)],
  encoders: ['t5xl'],
  prediction: 'flow',
  shift: 1.73,
  resolution: 1024,
  latent: LATENTS.sdxl,
  variants: [],
  names: [{ id: 'pony-v7', title: 'Pony V7', words: /pony(?!tail)/i }],
}
