/** Weights that are computed: decoded, changed by a matrix expression, rounded once, and counted. */
import type { Arithmetic } from '../algebra/arithmetic.ts'
import { fillRows } from '../algebra/evaluate.ts'
import { acquireFloats, releaseFloats } from '../algebra/float-buffers.ts'
import type { Floats, Precision } from '../algebra/matmul.ts'
import { countPatch, countSums } from '../algebra/patch-stats.ts'
import { blendOf } from '../merge/combine.ts'
import { castFloats } from '../numeric/float.ts'
import { acquirePatchBuffers, type HalfType, type PatchBuffers } from '../numeric/float-kernels.ts'
import type { DType, OutputDType } from './dtype.ts'
import { type Evaluation, statsOf } from './evaluation.ts'
import type { PatchedSource, Tensor } from './table.ts'

/** How the values of other tensors are had: what `expr.ts` exports, which itself computes patched ones by this file. */
export interface ValuesOf {
  evaluateInto(
    tensor: Tensor,
    begin: number,
    end: number,
    out: Uint8Array,
    evaluation: Evaluation,
  ): Promise<void>
  decodeInto(tensor: Tensor, begin: number, end: number, out: Floats, evaluation: Evaluation): Promise<void>
}

/** Elements [begin, end) of a tensor, in its own type, to be written to `out`. */
interface Span {
  readonly begin: number
  readonly end: number
  readonly out: Uint8Array
}

/** Computes elements [begin, end) and counts what the patch did to them. */
export async function evaluatePatched(
  tensor: Tensor,
  source: PatchedSource,
  span: Span,
  evaluation: Evaluation,
  values: ValuesOf,
): Promise<void> {
  const { begin, end } = span
  const { columns } = source.value
  const wholeRows = begin % columns === 0 && end % columns === 0
  const { dtype } = tensor
  const { dtype: from } = source.base
  const room = isHalf(dtype) && isHalf(from) && wholeRows ? acquirePatchBuffers(end - begin) : undefined
  if (!room) return patchAnyFloats(tensor, source, span, evaluation, values)
  try {
    await patchHalves(tensor, source, span, room, evaluation, values)
  } finally {
    room.release()
  }
}

function isHalf(dtype: DType): dtype is HalfType {
  return dtype === 'F16' || dtype === 'BF16'
}

/** Where weights of 16 bits become weights of 16 bits, all steps share the memory of the kernels. */
async function patchHalves(
  { name, dtype }: Tensor,
  source: PatchedSource,
  { begin, end, out }: Span,
  room: PatchBuffers,
  evaluation: Evaluation,
  values: ValuesOf,
): Promise<void> {
  const { base, value } = source
  await values.evaluateInto(base, begin, end, room.codes, evaluation)
  room.widen(base.dtype as HalfType)
  const by = arithmeticFor(source, 'F32', { begin, values: room.before }, evaluation, values)
  const blended = await blendHalves(source, begin, end, room, by, evaluation, values)
  if (!blended) await fillRows(value, begin / value.columns, end / value.columns, room.after, by)
  const sums = room.narrow(base.dtype as HalfType, dtype as HalfType, statsOf(name, evaluation))
  out.set(room.result)
  countSums(evaluation.patches, name, dtype as HalfType, room, sums)
}

/** A weighted sum of the base and another weight of 16 bits, whole rows of both, without leaving the kernels. */
async function blendHalves(
  { base, value }: PatchedSource,
  begin: number,
  end: number,
  room: PatchBuffers,
  by: Arithmetic,
  evaluation: Evaluation,
  values: ValuesOf,
): Promise<boolean> {
  const blend = await blendOf(value, by)
  if (blend?.first.op !== 'tensor' || blend.first.of !== base || blend.second.op !== 'tensor') return false
  const { of: other } = blend.second
  // what is cast would pass through the kernels' memory on its way
  if (!isHalf(other.dtype) || other.source.kind !== 'stored') return false
  await values.evaluateInto(other, begin, end, room.otherCodes, sharing(evaluation))
  room.blend(other.dtype, ...blend.shares)
  return true
}

/**
 * Any other types, and rows too long for a block. In binary64 if the result is binary32: the error of the arithmetic
 * must be small beside that of the one rounding at the end.
 */
async function patchAnyFloats(
  { name, dtype }: Tensor,
  source: PatchedSource,
  { begin, end, out }: Span,
  evaluation: Evaluation,
  values: ValuesOf,
): Promise<void> {
  const precision: Precision = dtype === 'F32' ? 'F64' : 'F32'
  const { base, value } = source
  const [first, last] = [Math.floor(begin / value.columns), Math.ceil(end / value.columns)]
  const size = (last - first) * value.columns
  const [before, after] = [acquireFloats(precision, size), acquireFloats(precision, size)]
  const origin = first * value.columns
  await values.decodeInto(base, origin, origin + size, before, evaluation)
  const by = arithmeticFor(source, precision, { begin: origin, values: before }, evaluation, values)
  await fillRows(value, first, last, after, by)
  const [from, to] = [begin - origin, end - origin]
  const [old, made] = [before.subarray(from, to) as Floats, after.subarray(from, to) as Floats]
  roundInto(name, dtype, made, out, evaluation)
  countPatch(evaluation.patches, name, dtype, old, made, out)
  releaseFloats(before, after)
}

/** Rows of the base that are known already. */
interface Known {
  readonly begin: number
  readonly values: Floats
}

function arithmeticFor(
  source: PatchedSource,
  precision: Precision,
  known: Known,
  evaluation: Evaluation,
  { decodeInto }: ValuesOf,
): Arithmetic {
  if (evaluation.wholeMatrixCache?.of !== source)
    evaluation.wholeMatrixCache = { of: source, values: new Map(), views: new Map() }
  const shared = sharing(evaluation)
  return {
    precision,
    fill: fillRows,
    matmul: evaluation.matmul,
    wholeMatrixCache: evaluation.wholeMatrixCache.values,
    async decode(tensor, begin, end, out) {
      const at = begin - known.begin
      if (tensor === source.base && at >= 0 && at + out.length <= known.values.length)
        out.set(known.values.subarray(at, at + out.length))
      else await decodeInto(tensor, begin, end, out, shared)
    },
  }
}

/** For what the blocks of the tensor that is computed now read besides its base. */
function sharing(evaluation: Evaluation): Evaluation {
  return evaluation.wholeMatrixCache
    ? { ...evaluation, views: evaluation.wholeMatrixCache.views }
    : evaluation
}

const NO_VALUES = new Float32Array(0)

function roundInto(
  name: string,
  dtype: DType,
  values: Floats,
  out: Uint8Array,
  evaluation: Evaluation,
): void {
  const from = values instanceof Float32Array ? 'F32' : 'F64'
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  // no values between: binary64 is only rounded to binary32
  castFloats(from, dtype as OutputDType, bytes, out, NO_VALUES, statsOf(name, evaluation))
}
