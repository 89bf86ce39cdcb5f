/** Evaluation of lazy tensors: any block of elements of any expression, with memory bounded by the block. */
import { fillRows } from '../algebra/evaluate.ts'
import type { Floats } from '../algebra/matmul.ts'
import { castFloats, decodeNumbers, elementsOf } from '../numeric/float.ts'
import { numbersOf } from '../numeric/numbers.ts'
import { acquireBuffer, releaseBuffers } from '../numeric/spare-buffers.ts'
import { checkNumbers } from '../quantised/check.ts'
import { blockBytes, byteLength, type DType, elementCount, isFloat, type OutputDType } from './dtype.ts'
import { type Evaluation, newEvaluation, statsOf } from './evaluation.ts'
import { evaluatePatched, type ValuesOf } from './patched.ts'
import { readStored } from './stored.ts'
import type { ReadInto } from './strided.ts'
import type { ConcatSource, Matrix, Tensor } from './table.ts'

export type { ReadInto }
export { type Evaluation, newEvaluation }

/** Types a float can be cast to. */
const OUTPUT_DTYPES: ReadonlySet<DType> = new Set<OutputDType>(['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'])

export function canCast(from: DType, to: DType): to is OutputDType {
  return isFloat(from) && OUTPUT_DTYPES.has(to)
}

/**
 * The tensor with its values in another float type; itself if it has that type already.
 * @throws SCALED_FP8, QUANTISED (exit 3)
 */
export function cast(tensor: Tensor, dtype: OutputDType): Tensor {
  if (tensor.dtype === dtype) return tensor
  checkNumbers(tensor)
  // computed values are rounded once, to the last type asked for
  if (tensor.source.kind === 'patched') return { ...tensor, dtype }
  if (!canCast(tensor.dtype, dtype))
    throw new TypeError(`${tensor.name}: no cast from ${tensor.dtype} to ${dtype}`)
  return { name: tensor.name, dtype, shape: tensor.shape, source: { kind: 'cast', of: tensor } }
}

/** The same values under another name. */
export function renamed(tensor: Tensor, name: string): Tensor {
  return { ...tensor, name }
}

/**
 * Bytes the whole tensor takes when it is written.
 * @throws RangeError for a shape that is not whole blocks of a packed type
 */
export function tensorBytes(tensor: Tensor): number {
  const bytes = byteLength(tensor.dtype, tensor.shape)
  if (bytes === undefined)
    throw new RangeError(`${tensor.name}: [${tensor.shape}] is no whole number of blocks`)
  return bytes
}

/**
 * Writes elements [begin, end) of `tensor`, in its dtype, little-endian, row-major, to `out`
 * (`blockBytes(dtype, begin, end)` bytes). `begin` and `end` are whole blocks of packed types.
 */
export async function evaluateInto(
  tensor: Tensor,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const { source, dtype } = tensor
  switch (source.kind) {
    case 'stored':
      return readStored(tensor, source, begin, end, out, evaluation)
    case 'bytes': {
      const first = blockBytes(dtype, 0, begin)
      out.set(source.data.subarray(first, first + out.byteLength))
      return
    }
    case 'cast':
      // what rounding did is noted under the name that is written, whatever the values were called before
      return evaluateCast(renamed(source.of, tensor.name), dtype as OutputDType, begin, end, out, evaluation)
    case 'patched':
      return evaluatePatched(tensor, source, { begin, end, out }, evaluation, VALUES)
    case 'concat':
      if (source.axis === 0) return evaluateRows(source, begin, end, out, evaluation)
      return evaluateColumns(tensor, source, begin, end, out, evaluation)
  }
}

/** For tensors that are computed from others. */
const VALUES: ValuesOf = { evaluateInto, decodeInto }

/** Elements [begin, end) of tensors one behind the other. */
async function evaluateRows(
  { of }: ConcatSource,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  let first = 0
  for (const part of of) {
    const count = elementCount(part.shape)
    const [from, to] = [Math.max(begin - first, 0), Math.min(end - first, count)]
    if (from < to) {
      const at = blockBytes(part.dtype, 0, first + from - begin)
      const bytes = blockBytes(part.dtype, from, to)
      await evaluateInto(part, from, to, out.subarray(at, at + bytes), evaluation)
    }
    first += count
  }
}

/** The same of tensors side by side: whole rows are put together, and what was not asked for is left out. */
async function evaluateColumns(
  { dtype, shape }: Tensor,
  { of }: ConcatSource,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const rows = shape[0] ?? 1
  const width = blockBytes(dtype, 0, elementCount(shape) / rows)
  const size = elementCount(shape) / rows
  const [r0, r1] = [Math.floor(begin / size), Math.ceil(end / size)]
  const whole = acquireBuffer((r1 - r0) * width)
  let column = 0
  for (const part of of) {
    const own = elementCount(part.shape) / rows
    const bytes = blockBytes(dtype, 0, own)
    const values = acquireBuffer((r1 - r0) * bytes)
    await evaluateInto(part, r0 * own, r1 * own, values, evaluation)
    for (let r = 0; r < r1 - r0; r++)
      whole.set(values.subarray(r * bytes, (r + 1) * bytes), r * width + column)
    column += bytes
    releaseBuffers(values)
  }
  const at = blockBytes(dtype, 0, begin - r0 * size)
  out.set(whole.subarray(at, at + blockBytes(dtype, begin, end)))
  releaseBuffers(whole)
}

async function evaluateCast(
  of: Tensor,
  dtype: OutputDType,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const input = acquireBuffer(blockBytes(of.dtype, begin, end))
  const values = acquireBuffer(of.dtype === 'F32' ? 0 : (end - begin) * Float32Array.BYTES_PER_ELEMENT)
  await evaluateInto(of, begin, end, input, evaluation)
  castFloats(of.dtype, dtype, input, out, elementsOf(Float32Array, values), statsOf(of.name, evaluation))
  releaseBuffers(input, values)
}

/** All values of a matrix, row-major. */
export async function matrixValues(
  matrix: Matrix,
  evaluation: Evaluation,
): Promise<Float32Array<ArrayBuffer>> {
  const out = new Float32Array(matrix.rows * matrix.columns)
  await fillRows(matrix, 0, matrix.rows, out, {
    precision: 'F32',
    fill: fillRows,
    matmul: evaluation.matmul,
    wholeMatrixCache: new Map(),
    decode: (tensor, begin, end, values) => decodeInto(tensor, begin, end, values, evaluation),
  })
  return out
}

/** Elements [begin, end) of a float tensor as numbers. */
export async function decodeInto(
  tensor: Tensor,
  begin: number,
  end: number,
  out: Floats,
  evaluation: Evaluation,
): Promise<void> {
  const bytes = acquireBuffer(blockBytes(tensor.dtype, begin, end))
  await evaluateInto(tensor, begin, end, bytes, evaluation)
  if (isFloat(tensor.dtype)) decodeNumbers(tensor.dtype, bytes, out)
  else out.set(numbersOf(tensor.dtype, bytes)) // coordinates of sparse values
  releaseBuffers(bytes)
}

/** All values of a small tensor as numbers (I64 beyond 2^53 loses precision). For evidence, never for weights. */
export async function readValues(tensor: Tensor, read: ReadInto): Promise<Float64Array> {
  const count = elementCount(tensor.shape)
  const bytes = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, count, bytes, newEvaluation(read))
  return numbersOf(tensor.dtype, bytes)
}
