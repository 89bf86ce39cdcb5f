/** A layer in each quantised format, as the programs that write it store it: names, types and shapes, codes of no sense. */

import type { QuantisedId } from '../src/tensor/quantised/formats.ts'
import { byteLength, type DType } from '../src/tensor/values/dtype.ts'
import { cast } from '../src/tensor/values/expr.ts'
import type { Tensor } from '../src/tensor/values/table.ts'
import { bytesTensor } from './tables.ts'

/** A tensor of patterned bytes whose floats are all finite: 0x30 to 0x3b in every byte. */
export function patterned(name: string, dtype: DType, shape: readonly number[]): Tensor {
  const bytes = Uint8Array.from({ length: byteLength(dtype, shape)! }, (_, i) => 0x30 + (i % 12))
  return bytesTensor(name, dtype, [...shape], bytes)
}

function json(name: string, value: unknown): Tensor {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return bytesTensor(name, 'U8', [bytes.byteLength], bytes)
}

/** The tensors in place of a weight `X.weight`. */
type Make = (layer: string, weight: Tensor) => Tensor[]

/** [end of name, type, shape] of a layer of [rows, columns]. */
type Spec = readonly [end: string, dtype: DType, shape: readonly number[]]

function flat({ shape: [rows = 1, ...rest] }: Tensor): readonly [rows: number, columns: number] {
  return [rows, rest.reduce((product, n) => product * n, 1)]
}

function layer(specs: (rows: number, columns: number, shape: readonly number[]) => readonly Spec[]): Make {
  return (name, weight) => {
    return specs(...flat(weight), weight.shape).map(([end, dtype, shape]) => {
      return patterned(`${name}.${end}`, dtype, shape)
    })
  }
}

/** With the description that ComfyUI puts beside the weight. */
function comfy(
  config: Readonly<Record<string, unknown>>,
  specs: (rows: number, columns: number, shape: readonly number[]) => readonly Spec[],
): Make {
  return (name, weight) => [...layer(specs)(name, weight), json(`${name}.comfy_quant`, config)]
}

function bnb4(kind: 'nf4' | 'fp4'): Make {
  return (name, weight) => {
    const [rows, columns] = flat(weight)
    const state = { quant_type: kind, blocksize: 64, dtype: 'float16', shape: weight.shape }
    return [
      ...layer(() => [
        ['weight', 'U8', [(rows * columns) / 2, 1]],
        ['weight.absmax', 'F32', [Math.ceil((rows * columns) / 64)]],
        ['weight.quant_map', 'F32', [16]],
      ])(name, weight),
      json(`${name}.weight.quant_state.bitsandbytes__${kind}`, state),
    ]
  }
}

export const LAYERS: Readonly<Record<QuantisedId, Make>> = {
  // a file of its own container is made of these: see the test
  ggml: (name, weight) => [patterned(`${name}.weight`, 'Q8_0', weight.shape)],
  'packed-float': layer((rows, columns) => [['weight', 'F4', [rows, columns]]]),
  'fp8-scale-weight': layer((_rows, _columns, shape) => [
    ['weight', 'F8_E4M3', shape],
    ['scale_weight', 'F32', []],
    ['scale_input', 'F32', []],
  ]),
  nvfp4: comfy({ format: 'nvfp4' }, (rows, columns) => [
    ['weight', 'U8', [rows, columns / 2]],
    ['weight_scale', 'F8_E4M3', [rows, columns / 16]],
    ['weight_scale_2', 'F32', []],
  ]),
  mxfp8: comfy({ format: 'mxfp8' }, (rows, columns) => [
    ['weight', 'F8_E4M3', [rows, columns]],
    ['weight_scale', 'F8_E8M0', [rows, Math.ceil(columns / 32)]],
  ]),
  'int8-convrot': comfy(
    { format: 'int8_tensorwise', convrot: true, convrot_groupsize: 16 },
    (rows, columns) => [
      ['weight', 'I8', [rows, columns]],
      ['weight_scale', 'F32', [rows, 1]],
    ],
  ),
  int8: comfy({ format: 'int8_tensorwise' }, (rows, columns) => [
    ['weight', 'I8', [rows, columns]],
    ['weight_scale', 'F32', []],
  ]),
  'convrot-w4a4': comfy({ format: 'convrot_w4a4' }, (rows, columns) => [
    ['weight', 'I8', [rows, columns / 2]],
    ['weight_scale', 'F32', [rows, 1]],
  ]),
  'w4a8-int8': comfy({ format: 'asym_w4a8_int8' }, (rows, columns) => [
    ['weight', 'I8', [rows, columns / 2]],
    ['weight_scale', 'F32', [rows, 1]],
  ]),
  'awq-w4a16': comfy({ format: 'awq_w4a16' }, (rows, columns) => [
    ['weight', 'I8', [rows, columns / 2]],
    ['weight_scale', 'F16', [rows, columns / 16]],
  ]),
  'fp8-tensor-scale': comfy({ format: 'float8_e4m3fn' }, (_rows, _columns, shape) => [
    ['weight', 'F8_E4M3', shape],
    ['weight_scale', 'F32', []],
    ['input_scale', 'F32', []],
  ]),
  'fp8-row-scale': layer((rows, columns) => [
    ['weight', 'F8_E4M3', [rows, columns]],
    ['weight_scale', 'F32', [rows, 1]],
  ]),
  'fp8-block-scale': layer((rows, columns) => [
    ['weight', 'F8_E4M3', [rows, columns]],
    ['weight_scale_inv', 'F32', [Math.ceil(rows / 128), Math.ceil(columns / 32)]],
  ]),
  'comfy-other': comfy({ format: 'of_tomorrow' }, (rows, columns) => [
    ['weight', 'U8', [rows, columns / 2]],
    ['weight_scale', 'F32', [rows, 1]],
  ]),
  'bnb-nf4': bnb4('nf4'),
  'bnb-fp4': bnb4('fp4'),
  'bnb-int8': layer((rows, columns) => [
    ['weight', 'I8', [rows, columns]],
    ['SCB', 'F32', [rows]],
    ['weight_format', 'U8', []],
  ]),
  svdquant: layer((rows, columns) => [
    ['qweight', 'I8', [rows, columns / 2]],
    ['wscales', 'F16', [columns / 16, rows]],
    ['smooth_factor', 'F16', [columns]],
    ['proj_down', 'F16', [columns, 16]],
    ['proj_up', 'F16', [rows, 16]],
  ]),
  gptq: layer((rows, columns) => [
    ['qweight', 'I32', [columns / 8, rows]],
    ['qzeros', 'I32', [1, Math.ceil(rows / 8)]],
    ['scales', 'F16', [1, rows]],
    ['g_idx', 'I32', [columns]],
  ]),
  awq: layer((rows, columns) => [
    ['qweight', 'I32', [columns, Math.ceil(rows / 8)]],
    ['qzeros', 'I32', [1, Math.ceil(rows / 8)]],
    ['scales', 'F16', [1, rows]],
  ]),
  'compressed-tensors': layer((rows, columns) => [
    ['weight_packed', 'I32', [rows, columns / 8]],
    ['weight_scale', 'F16', [rows, 1]],
    ['weight_shape', 'I64', [2]],
  ]),
  quanto: layer((rows, columns) => [
    ['weight._data', 'I8', [rows, columns]],
    ['weight._scale', 'F16', [rows, 1]],
  ]),
  sdnq: layer((rows, columns) => [
    ['weight', 'U8', [(rows * columns) / 2]],
    ['scale', 'F32', [rows, 1]],
    ['zero_point', 'F32', [rows, 1]],
  ]),
  unknown: layer((rows, columns) => [
    ['weight', 'I8', [rows, columns]],
    ['magic_scales', 'F32', [rows]],
  ]),
  fp8: (_name, weight) => [cast(weight, 'F8_E4M3')],
}
