/**
 * Every way of storing weights in fewer bits that sdtool knows: how a layer in it is recognised, which tensors are its
 * tables, and what may be done with it. The table is asked by `check.ts`, for all commands.
 */
import { type DType, dtypeInfo } from '../values/dtype.ts'
import { BLOCKS, CODES, type Decisions, NUMBERS } from './operations.ts'

/** What a tensor looks like. */
export interface Look {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** A weight that may be quantised, with the tensors beside it. */
export interface Layer {
  readonly codes: Look
  /** The tensor of the same layer with this end of its name: `weight_scale`, `weight.absmax`. */
  part(name: string): Look | undefined
  /** What ComfyUI's `comfy_quant` or `_quantization_metadata` says of the layer, or the `quant_state` of bitsandbytes. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Ends of the names of tensors beside it that are called like tables of scales. */
  readonly scales: readonly string[]
}

/** The shape of a weight: that of its codes, twice their columns, what its configuration states, or nothing tells it. */
export type Packing = 'none' | 'halves' | 'stated' | 'unknown'

export interface QuantisedFormat {
  /** For people: "... has weights in nf4 of bitsandbytes". */
  readonly title: string
  /** End of the name of the tensor with the codes. */
  readonly codes: string
  /** Ends of the names of the tensors that only mean something together with the codes. */
  readonly tables: readonly string[]
  readonly packing: Packing
  readonly decisions: Decisions
  readonly matches: (layer: Layer) => boolean
  readonly source: string
}

const FP8: ReadonlySet<DType> = new Set(['F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'])
const BYTES: ReadonlySet<DType> = new Set(['I8', 'U8'])

export function isFp8(dtype: DType): boolean {
  return FP8.has(dtype)
}

/** Integers that hold codes, or several of them. */
export function isCodes(dtype: DType): boolean {
  return BYTES.has(dtype) || FP8.has(dtype)
}

const SCALES = ['weight_scale', 'input_scale'] as const
const COMFY = [...SCALES, 'comfy_quant', 'weight_scale_2', 'pre_quant_scale', 'weight_scale_inv'] as const
const COMFY_SOURCE = 'Comfy-Org/ComfyUI comfy/quant_ops.py QUANT_ALGOS, QUANTIZATION.md'
const BNB_TABLES = ['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map'] as const

function formatOf({ config }: Layer): unknown {
  return config?.format
}

/** The scales of an fp8 weight, where nothing says it is of another format. */
function fp8Scale(layer: Layer): Look | undefined {
  const format = formatOf(layer)
  if (format !== undefined && format !== 'float8_e4m3fn' && format !== 'float8_e5m2') return undefined
  return layer.part('weight_scale') ?? layer.part('weight_scale_inv')
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1)
}

/** One for each row: `[out]` or `[out, 1]`. */
function isByRow({ shape }: Look, codes: Look): boolean {
  return count(shape) === codes.shape[0] && shape[0] === codes.shape[0]
}

function isScaledFp8(layer: Layer, by: (scale: Look) => boolean): boolean {
  const scale = fp8Scale(layer)
  const isStated = formatOf(layer) !== undefined
  const isEightBit = !BYTES.has(layer.codes.dtype) || isStated
  return scale !== undefined && isEightBit && !isMxfp8(layer) && by(scale)
}

function isMxfp8(layer: Layer): boolean {
  const format = formatOf(layer)
  if (format !== undefined) return format === 'mxfp8'
  const scale = layer.part('weight_scale')
  return FP8.has(layer.codes.dtype) && (scale?.dtype === 'U8' || scale?.dtype === 'F8_E8M0')
}

function isInt8(layer: Layer): boolean {
  const format = formatOf(layer)
  if (format !== undefined) return format === 'int8_tensorwise'
  return layer.codes.dtype === 'I8' && layer.part('weight_scale') !== undefined
}

function comfy(title: string, packing: Packing, matches: (layer: Layer) => boolean): QuantisedFormat {
  return { title, codes: 'weight', tables: COMFY, packing, decisions: CODES, matches, source: COMFY_SOURCE }
}

function scaledFp8(title: string, by: (scale: Look, layer: Layer) => boolean): QuantisedFormat {
  return comfy(title, 'none', (layer) => isScaledFp8(layer, (scale) => by(scale, layer)))
}

/** Whoever writes `weight_scale_inv` means blocks, even where one is enough. */
function isByBlock({ part }: Layer): boolean {
  return part('weight_scale_inv') !== undefined
}

function bitsandbytes4(kind: 'nf4' | 'fp4'): QuantisedFormat {
  const state = `weight.quant_state.bitsandbytes__${kind}`
  return {
    title: `${kind} of bitsandbytes`,
    codes: 'weight',
    tables: [...BNB_TABLES.map((table) => `weight.${table}`), state],
    packing: 'stated',
    decisions: CODES,
    matches: ({ part }) => part(state) !== undefined,
    source: 'bitsandbytes-foundation/bitsandbytes bitsandbytes/functional.py QuantState.as_dict',
  }
}

const SVDQUANT_TABLES = [
  ...['wscales', 'wzeros', 'wtscale', 'wcscales', 'smooth', 'smooth_orig', 'smooth_factor'],
  ...['smooth_factor_orig', 'lora_up', 'lora_down', 'proj_up', 'proj_down'],
]

/** Ids are for scripts: add, never rename. A layer has the first format that matches. */
export const QUANTISED = {
  ggml: {
    title: 'quantised blocks of GGUF',
    codes: '',
    tables: [],
    packing: 'none',
    decisions: BLOCKS,
    matches: ({ codes: { dtype } }) => dtypeInfo(dtype).kind === 'quantised' && !/^F[46]/.test(dtype),
    source: 'ggml-org/ggml src/ggml-common.h block_q*',
  },
  'packed-float': {
    title: 'packed floats of 4 or 6 bits',
    codes: '',
    tables: [],
    packing: 'none',
    decisions: CODES,
    matches: ({ codes: { dtype } }) => dtypeInfo(dtype).kind === 'quantised',
    source: 'OCP Microscaling Formats; safetensors types F4, F6_E2M3, F6_E3M2',
  },
  'fp8-scale-weight': {
    title: 'scaled fp8 (scale_weight)',
    codes: 'weight',
    tables: ['scale_weight', 'scale_input', 'scaled_fp8'],
    packing: 'none',
    decisions: CODES,
    matches: ({ part }) => part('scale_weight') !== undefined,
    source: 'Comfy-Org/ComfyUI comfy/utils.py convert_old_quants',
  },
  nvfp4: comfy('nvfp4', 'halves', (layer) => {
    const format = formatOf(layer)
    if (format !== undefined) return format === 'nvfp4'
    return layer.codes.dtype === 'U8' && layer.part('weight_scale')?.dtype === 'F8_E4M3'
  }),
  mxfp8: comfy('mxfp8', 'none', isMxfp8),
  'int8-convrot': comfy('int8 with rotated inputs (convrot)', 'none', (layer) => {
    return isInt8(layer) && layer.config?.convrot === true
  }),
  int8: comfy('int8 with scales', 'none', isInt8),
  'convrot-w4a4': comfy('int4 with rotated inputs (convrot_w4a4)', 'unknown', (layer) => {
    return formatOf(layer) === 'convrot_w4a4'
  }),
  'w4a8-int8': comfy('asymmetric int4 (asym_w4a8_int8)', 'unknown', (layer) => {
    return formatOf(layer) === 'asym_w4a8_int8'
  }),
  'awq-w4a16': comfy('AWQ int4 of ComfyUI (awq_w4a16)', 'unknown', (layer) => {
    return formatOf(layer) === 'awq_w4a16'
  }),
  'fp8-tensor-scale': scaledFp8('scaled fp8 (weight_scale of each tensor)', (scale, layer) => {
    return count(scale.shape) === 1 && !isByBlock(layer)
  }),
  'fp8-row-scale': scaledFp8('scaled fp8 (weight_scale of each row)', (scale, layer) => {
    return isByRow(scale, layer.codes) && !isByBlock(layer)
  }),
  'fp8-block-scale': scaledFp8('scaled fp8 (weight_scale of each block)', () => true),
  'comfy-other': comfy('a format of comfy_quant that sdtool does not know', 'unknown', (layer) => {
    return formatOf(layer) !== undefined || layer.part('comfy_quant') !== undefined
  }),
  'bnb-nf4': bitsandbytes4('nf4'),
  'bnb-fp4': bitsandbytes4('fp4'),
  'bnb-int8': {
    title: 'int8 of bitsandbytes',
    codes: 'weight',
    tables: ['SCB', 'weight_format'],
    packing: 'none',
    decisions: CODES,
    matches: ({ codes, part }) => codes.dtype === 'I8' && part('SCB') !== undefined,
    source: 'bitsandbytes-foundation/bitsandbytes bitsandbytes/nn/modules.py Linear8bitLt',
  },
  svdquant: {
    title: 'SVDQuant of nunchaku',
    codes: 'qweight',
    tables: SVDQUANT_TABLES,
    packing: 'unknown',
    decisions: CODES,
    matches: ({ part }) => part('wscales') !== undefined,
    source: 'nunchaku-tech/nunchaku nunchaku/models/linear.py SVDQW4A4Linear, AWQW4A16Linear',
  },
  gptq: {
    title: 'GPTQ',
    codes: 'qweight',
    tables: ['qzeros', 'scales', 'g_idx'],
    packing: 'unknown',
    decisions: CODES,
    // eight codes of one column in an int32; AWQ packs those of one row
    matches: ({ codes, part }) => {
      return part('g_idx') !== undefined || part('scales')?.shape[1] === codes.shape[1]
    },
    source: 'AutoGPTQ/AutoGPTQ auto_gptq/nn_modules/qlinear/qlinear_cuda.py',
  },
  awq: {
    title: 'AWQ',
    codes: 'qweight',
    tables: ['qzeros', 'scales'],
    packing: 'unknown',
    decisions: CODES,
    matches: ({ part }) => part('qzeros') !== undefined || part('scales') !== undefined,
    source: 'casper-hansen/AutoAWQ awq/modules/linear/gemm.py WQLinear_GEMM',
  },
  'compressed-tensors': {
    title: 'packed integers of compressed-tensors',
    codes: 'weight_packed',
    tables: [
      'weight_scale',
      'weight_shape',
      'weight_zero_point',
      'weight_global_scale',
      'input_global_scale',
    ],
    packing: 'unknown',
    decisions: CODES,
    matches: () => true,
    source: 'vllm-project/compressed-tensors src/compressed_tensors/compressors/quantized_compressors',
  },
  quanto: {
    title: 'optimum-quanto',
    codes: 'weight._data',
    tables: ['weight._scale', 'weight._shift', 'input_scale', 'output_scale'],
    packing: 'unknown',
    decisions: CODES,
    matches: () => true,
    source: 'huggingface/optimum-quanto optimum/quanto/tensor/weights',
  },
  sdnq: {
    title: 'SDNQ',
    codes: 'weight',
    tables: ['scale', 'zero_point', 'svd_up', 'svd_down'],
    packing: 'unknown',
    decisions: CODES,
    matches: ({ codes, part }) => isCodes(codes.dtype) && part('scale') !== undefined,
    source: 'Disty0/sdnq src/sdnq/quantizer.py',
  },
  unknown: {
    title: 'a quantised format that sdtool does not know',
    codes: 'weight',
    tables: [],
    packing: 'unknown',
    decisions: CODES,
    matches: ({ codes: { dtype, shape }, scales }) => {
      return (BYTES.has(dtype) && shape.length > 0) || (FP8.has(dtype) && scales.length > 0)
    },
    source: 'integers under the name of a weight, or fp8 beside scales of other names',
  },
  fp8: {
    title: 'plain fp8',
    codes: '',
    tables: [],
    packing: 'none',
    decisions: NUMBERS,
    matches: ({ codes }) => FP8.has(codes.dtype),
    source: 'safetensors types F8_E4M3, F8_E5M2; torch float8_e4m3fn, float8_e5m2',
  },
} as const satisfies Readonly<Record<string, QuantisedFormat>>

export type QuantisedId = keyof typeof QUANTISED

export const QUANTISED_IDS = Object.keys(QUANTISED) as QuantisedId[]

export function quantisedFormat(id: QuantisedId): QuantisedFormat {
  return QUANTISED[id]
}

/** What a tensor is in a quantised layer. */
export interface Quantised {
  readonly format: QuantisedId
  /** `codes` stand for the values of a weight, `table` is what they are decoded with. */
  readonly role: 'codes' | 'table'
  /** Of the weight, where it is not that of the codes and something tells it. */
  readonly shape?: readonly number[]
}
