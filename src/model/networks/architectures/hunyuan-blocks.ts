/** Rows and names of the transformers of Tencent's Hunyuan. Sources: Tencent's repositories, ComfyUI, diffusers. */
import { type Alias, alias, fused, swapped } from '../template/alias.ts'
import { layer, type Row, weight } from '../template/row.ts'
import { FLUX_MLP_NAMES, FLUX_MODULATION_NAMES, FLUX_STREAM_NAMES, fluxSingleNames } from './flux-blocks.ts'

const [DOUBLE, SINGLE] = ['double_blocks.{double}', 'single_blocks.{single}']
const REFINER = 'txt_in.individual_token_refiner.blocks.{refiner}'

/** Words of Tencent, and of ComfyUI, which renames them on loading. */
export interface Words {
  readonly in: string
  readonly out: string
  readonly mlp: readonly [first: string, second: string]
  readonly lin: string
  readonly attention: string
  readonly captions: readonly [first: string, second: string]
}

export const TENCENT: Words = {
  in: 'mlp.0',
  out: 'mlp.2',
  mlp: ['mlp.fc1', 'mlp.fc2'],
  lin: 'linear',
  attention: '_',
  captions: ['linear_1', 'linear_2'],
}

export const COMFYUI: Words = {
  in: 'in_layer',
  out: 'out_layer',
  mlp: ['mlp.0', 'mlp.2'],
  lin: 'lin',
  attention: '.',
  captions: ['in_layer', 'out_layer'],
}

export function embedder(name: string, { in: first, out }: Words): Row[] {
  return [layer(`${name}.${first}`, 'hidden 256'), layer(`${name}.${out}`, 'hidden hidden')].flat()
}

/** The text is refined by attention to itself before the blocks. */
export function textRows(words: Words): Row[] {
  const { captions, mlp, attention } = words
  return [
    embedder('txt_in.t_embedder', words),
    layer(`txt_in.c_embedder.${captions[0]}`, 'hidden context'),
    layer(`txt_in.c_embedder.${captions[1]}`, 'hidden hidden'),
    layer('txt_in.input_embedder', 'hidden context'),
    layer(`${REFINER}.norm{1,2}`, 'hidden'),
    layer(`${REFINER}.self_attn${attention}qkv`, '3hidden hidden'),
    layer(`${REFINER}.self_attn${attention}proj`, 'hidden hidden'),
    layer(`${REFINER}.${mlp[0]}`, '4hidden hidden'),
    layer(`${REFINER}.${mlp[1]}`, 'hidden 4hidden'),
    layer(`${REFINER}.adaLN_modulation.1`, '2hidden hidden'),
  ].flat()
}

/** What all of them have in the same names. */
export const ENDS = [
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
  layer('final_layer.linear', 'out hidden'),
].flat()

/** Glyphs of a text to be drawn, by the bytes of its letters. */
export const BYT5 = [
  layer('byt5_in.layernorm', 'byt5'),
  layer('byt5_in.fc1', 'byt5_hidden byt5'),
  layer('byt5_in.fc2', 'byt5_hidden byt5_hidden'),
  layer('byt5_in.fc3', 'hidden byt5_hidden'),
].flat()

export const VISION = [
  layer('vision_in.proj.0', 'vision'),
  layer('vision_in.proj.1', 'vision vision'),
  layer('vision_in.proj.3', 'hidden vision'),
  layer('vision_in.proj.4', 'hidden'),
].flat()

export const VECTOR = [
  layer('vector_in.in_layer', 'hidden pooled'),
  layer('vector_in.out_layer', 'hidden hidden'),
].flat()

function sharedDouble({ mlp, lin, attention }: Words): Row[] {
  return [
    layer(`${DOUBLE}.{img,txt}_mod.${lin}`, '6hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_attn${attention}proj`, 'hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_${mlp[0]}`, '4hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_${mlp[1]}`, 'hidden 4hidden'),
  ].flat()
}

const TENCENT_NORMS = weight(`${DOUBLE}.{img_attn_q,img_attn_k,txt_attn_q,txt_attn_k}_norm`, 'head')

/** Queries, keys and values in one weight: HunyuanVideo as published. */
export const FUSED_BLOCKS = [
  sharedDouble(TENCENT),
  TENCENT_NORMS,
  layer(`${DOUBLE}.{img,txt}_attn_qkv`, '3hidden hidden'),
  layer(`${SINGLE}.linear1`, '7hidden hidden'),
  layer(`${SINGLE}.linear2`, 'hidden 5hidden'),
  weight(`${SINGLE}.{q,k}_norm`, 'head'),
  layer(`${SINGLE}.modulation.linear`, '3hidden hidden'),
].flat()

/** Each in a weight of its own: the later ones as published. */
export const SPLIT_DOUBLE = [
  sharedDouble(TENCENT),
  TENCENT_NORMS,
  layer(`${DOUBLE}.{img,txt}_attn_{q,k,v}`, 'hidden hidden'),
].flat()

export const SPLIT_SINGLE = [
  layer(`${SINGLE}.linear1_{q,k,v}`, 'hidden hidden'),
  layer(`${SINGLE}.linear1_mlp`, '4hidden hidden'),
  layer(`${SINGLE}.linear2.fc`, 'hidden 5hidden'),
  weight(`${SINGLE}.{q,k}_norm`, 'head'),
  layer(`${SINGLE}.modulation.linear`, '3hidden hidden'),
].flat()

export const COMFYUI_DOUBLE = [
  sharedDouble(COMFYUI),
  weight(`${DOUBLE}.{img,txt}_attn.norm.{query,key}_norm`, 'head'),
  layer(`${DOUBLE}.{img,txt}_attn.qkv`, '3hidden hidden'),
].flat()

export const COMFYUI_SINGLE = [
  layer(`${SINGLE}.linear1`, '7hidden hidden'),
  layer(`${SINGLE}.linear2`, 'hidden 5hidden'),
  weight(`${SINGLE}.norm.{query,key}_norm`, 'head'),
  layer(`${SINGLE}.modulation.lin`, '3hidden hidden'),
].flat()

const [THEIR_DOUBLE, THEIR_SINGLE] = ['transformer_blocks.{double}', 'single_transformer_blocks.{single}']
const THEIR_REFINER = 'context_embedder.token_refiner.refiner_blocks.{refiner}'

/**
 * What goes before the blocks, in diffusers and in the words of Tencent or ComfyUI.
 * Source: diffusers `scripts/convert_hunyuan_video_to_diffusers.py` and `convert_hunyuan_image_to_diffusers.py`.
 */
function textNames({ in: first, out, captions, mlp, attention }: Words): Alias[] {
  return [
    alias('x_embedder.proj', 'img_in.proj'),
    alias('context_embedder.proj_in', 'txt_in.input_embedder'),
    alias(
      'context_embedder.time_text_embed.timestep_embedder.linear_{1,2}',
      `txt_in.t_embedder.{${first},${out}}`,
    ),
    alias(
      'context_embedder.time_text_embed.text_embedder.linear_{1,2}',
      `txt_in.c_embedder.{${captions.join()}}`,
    ),
    fused(
      `${REFINER}.self_attn${attention}qkv`,
      [`${THEIR_REFINER}.attn.to_q`, 'hidden'],
      [`${THEIR_REFINER}.attn.to_k`, 'hidden'],
      [`${THEIR_REFINER}.attn.to_v`, 'hidden'],
    ),
    alias(`${THEIR_REFINER}.attn.to_out.0`, `${REFINER}.self_attn${attention}proj`),
    alias(`${THEIR_REFINER}.norm{1,2}`, `${REFINER}.norm{1,2}`),
    alias(`${THEIR_REFINER}.ff.{net.0.proj,net.2}`, `${REFINER}.{${mlp.join()}}`),
    alias(`${THEIR_REFINER}.norm_out.linear`, `${REFINER}.adaLN_modulation.1`),
  ].flat()
}

export const TEXT_NAMES = textNames(TENCENT)

export const DOUBLE_NAMES = [
  alias(`${THEIR_DOUBLE}.{norm1,norm1_context}.linear`, `${DOUBLE}.{img,txt}_mod.linear`),
  alias(`${THEIR_DOUBLE}.attn.{to_out.0,to_add_out}`, `${DOUBLE}.{img,txt}_attn_proj`),
  alias(`${THEIR_DOUBLE}.attn.norm_{q,k}`, `${DOUBLE}.img_attn_{q,k}_norm`),
  alias(`${THEIR_DOUBLE}.attn.norm_added_{q,k}`, `${DOUBLE}.txt_attn_{q,k}_norm`),
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.0.proj`, `${DOUBLE}.{img,txt}_mlp.fc1`),
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.2`, `${DOUBLE}.{img,txt}_mlp.fc2`),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
  alias('proj_out', 'final_layer.linear'),
].flat()

export const SINGLE_NAMES = [
  alias(`${THEIR_SINGLE}.attn.norm_{q,k}`, `${SINGLE}.{q,k}_norm`),
  alias(`${THEIR_SINGLE}.norm.linear`, `${SINGLE}.modulation.linear`),
].flat()

export const FUSED_NAMES = [
  ...(['img', 'txt'] as const).flatMap((side) => {
    const [q, k, v] = side === 'img' ? ['to_q', 'to_k', 'to_v'] : ['add_q_proj', 'add_k_proj', 'add_v_proj']
    return fused(
      `${DOUBLE}.${side}_attn_qkv`,
      [`${THEIR_DOUBLE}.attn.${q}`, 'hidden'],
      [`${THEIR_DOUBLE}.attn.${k}`, 'hidden'],
      [`${THEIR_DOUBLE}.attn.${v}`, 'hidden'],
    )
  }),
  ...fused(
    `${SINGLE}.linear1`,
    [`${THEIR_SINGLE}.attn.to_q`, 'hidden'],
    [`${THEIR_SINGLE}.attn.to_k`, 'hidden'],
    [`${THEIR_SINGLE}.attn.to_v`, 'hidden'],
    [`${THEIR_SINGLE}.proj_mlp`, '4hidden'],
  ),
  ...alias(`${THEIR_SINGLE}.proj_out`, `${SINGLE}.linear2`),
]

export const SPLIT_NAMES = [
  alias(`${THEIR_DOUBLE}.attn.to_{q,k,v}`, `${DOUBLE}.img_attn_{q,k,v}`),
  alias(`${THEIR_DOUBLE}.attn.add_{q,k,v}_proj`, `${DOUBLE}.txt_attn_{q,k,v}`),
  alias(`${THEIR_SINGLE}.attn.to_{q,k,v}`, `${SINGLE}.linear1_{q,k,v}`),
  alias(`${THEIR_SINGLE}.{proj_mlp,proj_out}`, `${SINGLE}.{linear1_mlp,linear2.fc}`),
].flat()

export const BYT5_NAMES = alias(
  'context_embedder_2.{norm,linear_1,linear_2,linear_3}',
  'byt5_in.{layernorm,fc1,fc2,fc3}',
)

/**
 * What LoRAs call the layers of a file that ComfyUI saved, whose blocks have the names of Flux.1: they were trained with the
 * names of diffusers or of Tencent, in one weight or in several.
 */
export const COMFYUI_ADAPTER_NAMES: readonly Alias[] = [
  textNames(COMFYUI),
  [...FLUX_STREAM_NAMES, ...FLUX_MLP_NAMES, ...fluxSingleNames('4hidden'), ...FLUX_MODULATION_NAMES].filter(
    ({ path }) => /_blocks|final_layer/.test(path),
  ),
  alias(`${DOUBLE}.{img,txt}_mod.linear`, `${DOUBLE}.{img,txt}_mod.lin`),
  alias(`${DOUBLE}.{img,txt}_mlp.fc1`, `${DOUBLE}.{img,txt}_mlp.0`),
  alias(`${DOUBLE}.{img,txt}_mlp.fc2`, `${DOUBLE}.{img,txt}_mlp.2`),
  alias(`${SINGLE}.modulation.linear`, `${SINGLE}.modulation.lin`),
  ...['img', 'txt'].map((side) =>
    fused(
      `${DOUBLE}.${side}_attn.qkv`,
      [`${DOUBLE}.${side}_attn_q`, 'hidden'],
      [`${DOUBLE}.${side}_attn_k`, 'hidden'],
      [`${DOUBLE}.${side}_attn_v`, 'hidden'],
    ),
  ),
  fused(
    `${SINGLE}.linear1`,
    [`${SINGLE}.linear1_q`, 'hidden'],
    [`${SINGLE}.linear1_k`, 'hidden'],
    [`${SINGLE}.linear1_v`, 'hidden'],
    [`${SINGLE}.linear1_mlp`, '4hidden'],
  ),
  alias(`${SINGLE}.linear2.fc`, `${SINGLE}.linear2`),
].flat()

/** The same where a file has Tencent's names, and a LoRA those of ComfyUI that do not differ in a dot alone. */
export const TENCENT_ADAPTER_NAMES: readonly Alias[] = [
  alias(`${DOUBLE}.{img,txt}_mod.lin`, `${DOUBLE}.{img,txt}_mod.linear`),
  alias(`${DOUBLE}.{img,txt}_mlp.0`, `${DOUBLE}.{img,txt}_mlp.fc1`),
  alias(`${DOUBLE}.{img,txt}_mlp.2`, `${DOUBLE}.{img,txt}_mlp.fc2`),
  alias(`${SINGLE}.modulation.lin`, `${SINGLE}.modulation.linear`),
].flat()
