/** Rows and names that the transformers descended from Flux.1 share. Source: black-forest-labs/flux, model.py and modules/layers.py. */
import { type Alias, alias, fused, swapped } from '../template/alias.ts'
import { layer, type Row, scale } from '../template/row.ts'

const [DOUBLE, SINGLE] = ['double_blocks.{double}', 'single_blocks.{single}']

/** Inputs, and the attention of double blocks. */
export const FLUX_STREAMS: readonly Row[] = [
  layer('img_in', 'hidden in'),
  layer('txt_in', 'hidden context'),
  layer(`${DOUBLE}.{img,txt}_attn.qkv`, '3hidden hidden'),
  scale(`${DOUBLE}.{img,txt}_attn.norm.{query,key}_norm`, 'head'),
  layer(`${DOUBLE}.{img,txt}_attn.proj`, 'hidden hidden'),
].flat()

export const FLUX_MLP: readonly Row[] = [
  layer(`${DOUBLE}.{img,txt}_mlp.0`, '4hidden hidden'),
  layer(`${DOUBLE}.{img,txt}_mlp.2`, 'hidden 4hidden'),
].flat()

/** @param linear1 rows of q, k, v, and of the first layer of the MLP */
export function fluxSingles(linear1: string): Row[] {
  return [
    layer(`${SINGLE}.linear1`, `${linear1} hidden`),
    layer(`${SINGLE}.linear2`, 'hidden 5hidden'),
    scale(`${SINGLE}.norm.{query,key}_norm`, 'head'),
  ].flat()
}

export const FLUX_TIME: readonly Row[] = [
  layer('time_in.in_layer', 'hidden 256'),
  layer('time_in.out_layer', 'hidden hidden'),
].flat()

/** Of a block by itself, and of the output. */
export const FLUX_MODULATION: readonly Row[] = [
  layer(`${DOUBLE}.{img,txt}_mod.lin`, '6hidden hidden'),
  layer(`${SINGLE}.modulation.lin`, '3hidden hidden'),
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
].flat()

export const FLUX_OUTPUT: readonly Row[] = layer('final_layer.linear', 'out hidden')

const [THEIR_DOUBLE, THEIR_SINGLE] = ['transformer_blocks.{double}', 'single_transformer_blocks.{single}']

/** Source: diffusers `scripts/convert_flux_to_diffusers.py`. */
export const FLUX_STREAM_NAMES: readonly Alias[] = [
  alias('x_embedder', 'img_in'),
  alias('context_embedder', 'txt_in'),
  fused(
    `${DOUBLE}.img_attn.qkv`,
    [`${THEIR_DOUBLE}.attn.to_q`, 'hidden'],
    [`${THEIR_DOUBLE}.attn.to_k`, 'hidden'],
    [`${THEIR_DOUBLE}.attn.to_v`, 'hidden'],
  ),
  fused(
    `${DOUBLE}.txt_attn.qkv`,
    [`${THEIR_DOUBLE}.attn.add_q_proj`, 'hidden'],
    [`${THEIR_DOUBLE}.attn.add_k_proj`, 'hidden'],
    [`${THEIR_DOUBLE}.attn.add_v_proj`, 'hidden'],
  ),
  alias(`${THEIR_DOUBLE}.attn.{to_out.0,to_add_out}`, `${DOUBLE}.{img,txt}_attn.proj`),
  alias(`${THEIR_DOUBLE}.attn.norm_{q,k}`, `${DOUBLE}.img_attn.norm.{query,key}_norm`),
  alias(`${THEIR_DOUBLE}.attn.norm_added_{q,k}`, `${DOUBLE}.txt_attn.norm.{query,key}_norm`),
].flat()

export const FLUX_MLP_NAMES: readonly Alias[] = [
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.0.proj`, `${DOUBLE}.{img,txt}_mlp.0`),
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.2`, `${DOUBLE}.{img,txt}_mlp.2`),
].flat()

/** @param mlp rows of the first layer of the MLP in `linear1` */
export function fluxSingleNames(mlp: string): Alias[] {
  return [
    fused(
      `${SINGLE}.linear1`,
      [`${THEIR_SINGLE}.attn.to_q`, 'hidden'],
      [`${THEIR_SINGLE}.attn.to_k`, 'hidden'],
      [`${THEIR_SINGLE}.attn.to_v`, 'hidden'],
      [`${THEIR_SINGLE}.proj_mlp`, mlp],
    ),
    alias(`${THEIR_SINGLE}.proj_out`, `${SINGLE}.linear2`),
    alias(`${THEIR_SINGLE}.attn.norm_{q,k}`, `${SINGLE}.norm.{query,key}_norm`),
    alias('proj_out', 'final_layer.linear'),
  ].flat()
}

export const FLUX_MODULATION_NAMES: readonly Alias[] = [
  alias(`${THEIR_DOUBLE}.{norm1,norm1_context}.linear`, `${DOUBLE}.{img,txt}_mod.lin`),
  alias(`${THEIR_SINGLE}.norm.linear`, `${SINGLE}.modulation.lin`),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
].flat()

export const FLUX_ADAPTER_NAMES: readonly Alias[] = [
  // XLabs; 1 is the picture, 2 the text. Their proj_lora of single blocks changes the output of the layer, not its weight.
  // Source: XLabs-AI/x-flux, modules/layers.py
  alias('double_blocks.{double}.qkv_lora{1,2}', 'double_blocks.{double}.{img,txt}_attn.qkv'),
  alias('double_blocks.{double}.proj_lora{1,2}', 'double_blocks.{double}.{img,txt}_attn.proj'),
  // kohya's OFT has a rotation for each part of a fused weight, oft_blocks.0 ... Source: sd-scripts networks/oft_flux.py
  ...['img', 'txt'].map((side) =>
    fused(
      `double_blocks.{double}.${side}_attn.qkv`,
      [`double_blocks.{double}.${side}_attn.qkv.0`, 'hidden'],
      [`double_blocks.{double}.${side}_attn.qkv.1`, 'hidden'],
      [`double_blocks.{double}.${side}_attn.qkv.2`, 'hidden'],
    ),
  ),
  fused(
    'single_blocks.{single}.linear1',
    ['single_blocks.{single}.linear1.0', 'hidden'],
    ['single_blocks.{single}.linear1.1', 'hidden'],
    ['single_blocks.{single}.linear1.2', 'hidden'],
    ['single_blocks.{single}.linear1.3', '4hidden'],
  ),
].flat()

/** The first layer takes 16 channels of 2x2 pixels. */
export const FLUX_LATENTS = { path: 'img_in', columns: 64 }
