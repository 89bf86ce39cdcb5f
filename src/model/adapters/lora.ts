import { added, matrixOf, product, scatter, transposed } from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix } from '../../tensor/values/table.ts'
import {
  type Algorithm,
  dim,
  flatColumns,
  kernelOf,
  type Numbers,
  type Parts,
  type PatchInput,
  type Structured,
  targetShape,
  times,
} from './algorithm.ts'
import {
  alphaScale,
  column,
  countOf,
  factor,
  matrixSize,
  miscounted,
  numberOf,
  tuckerInner,
  tuckerProduct,
  withDelta,
} from './factors.ts'
import { messages } from './messages.ts'

/** Dimensions a weight may have that a LoRA makes larger, or that a sparse residual is written for. */
const MAX_DIMENSIONS = 8

/**
 * dW = alpha/r * up @ down. LoCon is the same on convolutions, with the kernel in `lora_down` or, in the Tucker
 * form, in `lora_mid`. PEFT's embedding layers hold the transposed product and keep roles of their own.
 *
 * | tensor     | linear | conv            | Tucker          |
 * | lora_down  | (r, I) | (r, I, kh, kw)  | (r2, I, 1, 1)   |
 * | lora_mid   |        |                 | (r1, r2, kh, kw)|
 * | lora_up    | (O, r) | (O, r, 1, 1)    | (O, r1, 1, 1)   |
 */
export const lora: Algorithm = {
  id: 'lora',
  title: 'LoRA',
  spellings: [
    // kohya-ss, A1111, LyCORIS
    { suffix: 'lora_down.weight', role: 'lora_down' },
    { suffix: 'lora_up.weight', role: 'lora_up' },
    { suffix: 'lora_mid.weight', role: 'lora_mid' },
    { suffix: 'reshape_weight', role: 'reshape_weight' },
    // PEFT, newer diffusers; without `.weight` in Mochi and PEFT embedding layers
    { suffix: 'lora_A.weight', role: 'lora_down' },
    { suffix: 'lora_B.weight', role: 'lora_up' },
    { suffix: 'lora_B.bias', role: 'lora_up_bias' },
    { suffix: 'lora_A', role: 'lora_down' },
    { suffix: 'lora_B', role: 'lora_up' },
    { suffix: 'lora_embedding_A', role: 'embedding_down' },
    { suffix: 'lora_embedding_B', role: 'embedding_up' },
    // diffusers 0.2x: UNet, text encoders
    { suffix: 'lora.down.weight', role: 'lora_down' },
    { suffix: 'lora.up.weight', role: 'lora_up' },
    { suffix: 'lora_linear_layer.down.weight', role: 'lora_down' },
    { suffix: 'lora_linear_layer.up.weight', role: 'lora_up' },
    // attention processors (`to_q_lora.down.weight`: see modules.ts), XLabs, USO, SAI control-lora
    { suffix: 'down.weight', role: 'lora_down', trust: 'weak' },
    { suffix: 'up.weight', role: 'lora_up', trust: 'weak' },
    { suffix: 'down', role: 'lora_down', trust: 'weak' },
    { suffix: 'up', role: 'lora_up', trust: 'weak' },
    // A1111-era trainers: replaces alpha/rank
    { suffix: 'scale', role: 'scale', trust: 'companion' },
    // LyCORIS: a residual added before alpha, dense or sparse (COO)
    { suffix: 'bias', role: 'bias', trust: 'companion' },
    { suffix: 'bias_indices', role: 'bias_indices', trust: 'companion' },
    { suffix: 'bias_values', role: 'bias_values', trust: 'companion' },
    { suffix: 'bias_size', role: 'bias_size', trust: 'companion' },
  ],
  required: [
    ['lora_down', 'lora_up'],
    ['embedding_down', 'embedding_up'],
  ],
  optional: [
    'lora_mid',
    'alpha',
    'scale',
    'dora_scale',
    'magnitude',
    'reshape_weight',
    'diff_b',
    'lora_up_bias',
    'bias',
    'bias_indices',
    'bias_values',
    'bias_size',
  ],
  rank,
  target,
  scalarInputs: { alpha: 1, scale: 1, reshape_weight: MAX_DIMENSIONS, bias_size: MAX_DIMENSIONS },
  patch,
  structure,
  shapeError,
  targetShapeError,
}

function rank(parts: Parts): number | undefined {
  return dim(parts, 'lora_down', 0) ?? dim(parts, 'embedding_down', 0)
}

function target(parts: Parts) {
  // embedding: A is (r, rows of the table), B is (width, r); the weight is (rows, width)
  if (parts.has('embedding_down')) {
    return targetShape(dim(parts, 'embedding_down', 1), dim(parts, 'embedding_up', 0))
  }
  const kernel = parts.has('lora_mid') ? kernelOf(parts, 'lora_mid') : kernelOf(parts, 'lora_down')
  const columns = parts.has('lora_mid')
    ? times(dim(parts, 'lora_down', 1), kernel?.[0], kernel?.[1])
    : flatColumns(parts, 'lora_down')
  return targetShape(dim(parts, 'lora_up', 0), columns, kernel)
}

function shapeError(parts: Parts): string | undefined {
  const prefix = parts.has('embedding_down') ? 'embedding' : 'lora'
  const down = dim(parts, `${prefix}_down`, 0)
  const up = dim(parts, `${prefix}_up`, 1)
  if (up === undefined) return messages.upNotAMatrix
  if (parts.has('lora_mid')) {
    const [midUp, midDown] = [dim(parts, 'lora_mid', 0), dim(parts, 'lora_mid', 1)]
    return midUp === up && midDown === down ? undefined : messages.midRanks(midUp, midDown, up, down)
  }
  return up === down ? undefined : messages.upDownRanks(up, down)
}

/** The factor of up @ down, and of the bias that PEFT gives to up. */
export function loraScale(parts: Parts, numbers: Numbers): number {
  return numberOf(parts, numbers, 'scale') ?? alphaScale(parts, numbers, rank(parts))
}

function patch(parts: Parts, input: PatchInput): Matrix {
  const scale = loraScale(parts, input.numbers)
  const patched = withDelta(input, scale, delta(parts))
  const rest = residual(parts, input)
  return rest === undefined ? patched : added(patched, input.ratio * scale, rest)
}

function delta(parts: Parts): Matrix {
  if (parts.has('embedding_down')) {
    return product(transposed(factor(parts, 'embedding_down')), transposed(factor(parts, 'embedding_up')))
  }
  const [up, down] = [factor(parts, 'lora_up'), factor(parts, 'lora_down')]
  return parts.has('lora_mid') ? tuckerProduct(parts, 'lora_mid', up, down) : product(up, down)
}

function structure(parts: Parts, numbers: Numbers): Structured | undefined {
  if (parts.has('embedding_down') || RESIDUAL_ROLES.some((role) => parts.has(role))) return undefined
  const [up, down] = [factor(parts, 'lora_up'), factor(parts, 'lora_down')]
  const inner = parts.has('lora_mid') ? tuckerInner(parts, 'lora_mid', down) : down
  return { scale: loraScale(parts, numbers), of: { form: 'product', up, down: inner } }
}

const RESIDUAL_ROLES = ['bias', 'bias_values'] as const

/** What LyCORIS' extraction keeps beside the factors: the largest errors of up @ down. */
function residual(parts: Parts, { weight, numbers }: PatchInput): Matrix | undefined {
  const dense = parts.get('bias')
  if (dense !== undefined) return matrixOf(dense, weight.rows)
  if (!parts.has('bias_values')) return undefined
  const size = [...(numbers.get('bias_size') ?? [])]
  return scatter(factor(parts, 'bias_indices'), column(parts, 'bias_values'), size)
}

const SPARSE_ROLES = ['bias_indices', 'bias_values', 'bias_size'] as const

function targetShapeError(parts: Parts, shape: readonly number[], numbers: Numbers): string | undefined {
  const [rows, columns] = matrixSize(shape)
  const dense = miscounted(parts, 'bias', rows * columns, 'elements')
  if (dense !== undefined || !SPARSE_ROLES.some((role) => parts.has(role))) return dense
  const size = [...(numbers.get('bias_size') ?? [])]
  if (!size.every(Number.isInteger) || elementCount(size) !== rows * columns || size[0] !== rows) {
    return messages.sparseShape(size, shape)
  }
  const [axes, count] = parts.get('bias_indices')?.shape ?? []
  const fits = axes === size.length && count === countOf(parts, 'bias_values')
  return fits ? undefined : messages.sparseParts
}
