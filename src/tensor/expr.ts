/** Evaluation of lazy tensors: any block of elements of any expression, with memory bounded by the block. */
import { type Arithmetic, fillRows } from './algebra/evaluate.ts'
import { type Floats, type MatMul, type Precision, plainMatMul } from './algebra/matmul.ts'
import type { Matrix } from './algebra/matrix.ts'
import { countPatch, countSums, type PatchStats } from './algebra/patch-stats.ts'
import { release, scratch } from './algebra/scratch.ts'
import {
  blockBytes,
  byteLength,
  DTYPES,
  type DType,
  elementCount,
  isFloat,
  type OutputDType,
} from './dtype.ts'
import { type CastStats, castFloats, decodeNumbers, elementsOf, newCastStats } from './float.ts'
import { enterPatchRoom, type HalfType, type PatchRoom } from './float-kernels.ts'
import { blendOf } from './merge/combine.ts'
import { numbersOf } from './numbers.ts'
import { borrow, giveBack } from './spare-buffers.ts'
import { gatherStrided, type ReadInto } from './strided.ts'
import type { ConcatSource, PatchedSource, StoredSource, Tensor } from './table.ts'

export type { ReadInto }

/** What evaluation needs of the world, and where it notes what happened. One for each batch of jobs, never shared. */
export interface Evaluation {
  readonly read: ReadInto
  readonly matmul: MatMul
  /** What rounding did to each tensor that was cast or patched, by the name it is written under. */
  readonly stats: Map<string, CastStats>
  /** What was done to each patched tensor, by the same name. */
  readonly patches: Map<string, PatchStats>
  /** What the blocks of the tensor that is computed now share. */
  wholes?: {
    readonly of: PatchedSource
    readonly values: Arithmetic['wholes']
    readonly views: TransposedViews
  }
  /** Where what is computed reads transposed tensors from; without it, from the file. */
  readonly views?: TransposedViews
}

/** Bytes of transposed tensors, by where they are stored. */
type TransposedViews = Map<StoredSource, Promise<Uint8Array>>

export function newEvaluation(read: ReadInto, matmul: MatMul = plainMatMul): Evaluation {
  return { read, matmul, stats: new Map(), patches: new Map() }
}

/** Types a float can be cast to. */
const OUTPUT_DTYPES: ReadonlySet<DType> = new Set<OutputDType>(['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'])

export function canCast(from: DType, to: DType): to is OutputDType {
  return isFloat(from) && OUTPUT_DTYPES.has(to)
}

/** The tensor with its values in another float type; itself if it has that type already. */
export function cast(tensor: Tensor, dtype: OutputDType): Tensor {
  if (tensor.dtype === dtype) return tensor
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

/** Bytes the whole tensor takes when it is written. */
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
      return evaluatePatched(tensor, source, begin, end, out, evaluation)
    case 'concat':
      if (source.axis === 0) return evaluateRows(source, begin, end, out, evaluation)
      return evaluateColumns(tensor, source, begin, end, out, evaluation)
  }
}

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
  const whole = borrow((r1 - r0) * width)
  let column = 0
  for (const part of of) {
    const own = elementCount(part.shape) / rows
    const bytes = blockBytes(dtype, 0, own)
    const values = borrow((r1 - r0) * bytes)
    await evaluateInto(part, r0 * own, r1 * own, values, evaluation)
    for (let r = 0; r < r1 - r0; r++)
      whole.set(values.subarray(r * bytes, (r + 1) * bytes), r * width + column)
    column += bytes
    giveBack(values)
  }
  const at = blockBytes(dtype, 0, begin - r0 * size)
  out.set(whole.subarray(at, at + blockBytes(dtype, begin, end)))
  giveBack(whole)
}

async function readStored(
  tensor: Tensor,
  source: StoredSource,
  begin: number,
  end: number,
  out: Uint8Array,
  { read, views }: Evaluation,
): Promise<void> {
  const { bytes: itemSize } = DTYPES[tensor.dtype]
  if (source.strides) {
    const view = views && isTransposed(source.strides) ? wholeView(tensor, source, read, views) : undefined
    if (view) out.set((await view).subarray(begin * itemSize, end * itemSize))
    else await gatherStrided(source, tensor.shape, itemSize, { begin, end }, out, read)
  } else {
    await read(source.file, source.offset + blockBytes(tensor.dtype, 0, begin), out)
  }
  if (source.bigEndian)
    swapBytes(out, tensor.dtype === 'C64' || tensor.dtype === 'C128' ? itemSize / 2 : itemSize)
}

/** The tables of tokens of the largest text encoders in binary32 have 253 MB, all other weights a fifth of that. */
const MAX_VIEW_BYTES = 256 * 1024 * 1024

/**
 * All of a transposed tensor, which blocks of computed rows read again and again: each needs pieces of nearly all its
 * bytes. Undefined for one that is too large to be kept.
 */
function wholeView(
  tensor: Tensor,
  source: StoredSource,
  read: ReadInto,
  views: TransposedViews,
): Promise<Uint8Array> | undefined {
  const bytes = tensorBytes(tensor)
  if (bytes > MAX_VIEW_BYTES) return undefined
  const known = views.get(source)
  if (known !== undefined) return known
  const out = new Uint8Array(bytes)
  const { bytes: itemSize } = DTYPES[tensor.dtype]
  const range = { begin: 0, end: elementCount(tensor.shape) }
  const made = gatherStrided(source, tensor.shape, itemSize, range, out, read).then(() => out)
  views.set(source, made)
  return made
}

/** Neighbouring rows are not neighbours in the file: some step inside of a row is longer than that to the next one. */
function isTransposed([first = 0, ...others]: readonly number[]): boolean {
  return others.some((stride) => stride > first)
}

function swapBytes({ buffer, byteOffset, byteLength }: Uint8Array, itemSize: number): void {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  if (itemSize === 2) bytes.swap16()
  else if (itemSize === 4) bytes.swap32()
  else if (itemSize === 8) bytes.swap64()
}

async function evaluateCast(
  of: Tensor,
  dtype: OutputDType,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const input = borrow(blockBytes(of.dtype, begin, end))
  const values = borrow(of.dtype === 'F32' ? 0 : (end - begin) * Float32Array.BYTES_PER_ELEMENT)
  await evaluateInto(of, begin, end, input, evaluation)
  castFloats(of.dtype, dtype, input, out, elementsOf(Float32Array, values), statsOf(of.name, evaluation))
  giveBack(input, values)
}

function statsOf(name: string, evaluation: Evaluation): CastStats {
  let stats = evaluation.stats.get(name)
  if (!stats) {
    stats = newCastStats()
    evaluation.stats.set(name, stats)
  }
  return stats
}

/** Computes elements [begin, end) and counts what the patch did to them. */
async function evaluatePatched(
  tensor: Tensor,
  source: PatchedSource,
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const { columns } = source.value
  const wholeRows = begin % columns === 0 && end % columns === 0
  const { dtype } = tensor
  const { dtype: from } = source.base
  const room = isHalf(dtype) && isHalf(from) && wholeRows ? enterPatchRoom(end - begin) : undefined
  if (!room) return patchAnyFloats(tensor, source, begin, end, out, evaluation)
  try {
    await patchHalves(tensor, source, { begin, end, out }, room, evaluation)
  } finally {
    room.leave()
  }
}

function isHalf(dtype: DType): dtype is HalfType {
  return dtype === 'F16' || dtype === 'BF16'
}

/** Where weights of 16 bits become weights of 16 bits, all steps share the memory of the kernels. */
async function patchHalves(
  { name, dtype }: Tensor,
  source: PatchedSource,
  { begin, end, out }: { begin: number; end: number; out: Uint8Array },
  room: PatchRoom,
  evaluation: Evaluation,
): Promise<void> {
  const { base, value } = source
  await evaluateInto(base, begin, end, room.codes, evaluation)
  room.widen(base.dtype as HalfType)
  const by = arithmeticFor(source, 'F32', { begin, values: room.before }, evaluation)
  const blended = await blendHalves(source, begin, end, room, by, evaluation)
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
  room: PatchRoom,
  by: Arithmetic,
  evaluation: Evaluation,
): Promise<boolean> {
  const blend = await blendOf(value, by)
  if (blend?.first.op !== 'tensor' || blend.first.of !== base || blend.second.op !== 'tensor') return false
  const { of: other } = blend.second
  // what is cast would pass through the kernels' memory on its way
  if (!isHalf(other.dtype) || other.source.kind !== 'stored') return false
  await evaluateInto(other, begin, end, room.otherCodes, sharing(evaluation))
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
  begin: number,
  end: number,
  out: Uint8Array,
  evaluation: Evaluation,
): Promise<void> {
  const precision: Precision = dtype === 'F32' ? 'F64' : 'F32'
  const { base, value } = source
  const [first, last] = [Math.floor(begin / value.columns), Math.ceil(end / value.columns)]
  const size = (last - first) * value.columns
  const [before, after] = [scratch(precision, size), scratch(precision, size)]
  const origin = first * value.columns
  await decodeInto(base, origin, origin + size, before, evaluation)
  const by = arithmeticFor(source, precision, { begin: origin, values: before }, evaluation)
  await fillRows(value, first, last, after, by)
  const [from, to] = [begin - origin, end - origin]
  const [old, made] = [before.subarray(from, to) as Floats, after.subarray(from, to) as Floats]
  roundInto(name, dtype, made, out, evaluation)
  countPatch(evaluation.patches, name, dtype, old, made, out)
  release(before, after)
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
): Arithmetic {
  if (evaluation.wholes?.of !== source)
    evaluation.wholes = { of: source, values: new Map(), views: new Map() }
  const shared = sharing(evaluation)
  return {
    precision,
    matmul: evaluation.matmul,
    wholes: evaluation.wholes.values,
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
  return evaluation.wholes ? { ...evaluation, views: evaluation.wholes.views } : evaluation
}

/** All values of a matrix, row-major. */
export async function matrixValues(
  matrix: Matrix,
  evaluation: Evaluation,
): Promise<Float32Array<ArrayBuffer>> {
  const out = new Float32Array(matrix.rows * matrix.columns)
  await fillRows(matrix, 0, matrix.rows, out, {
    precision: 'F32',
    matmul: evaluation.matmul,
    wholes: new Map(),
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
  const bytes = borrow(blockBytes(tensor.dtype, begin, end))
  await evaluateInto(tensor, begin, end, bytes, evaluation)
  if (isFloat(tensor.dtype)) decodeNumbers(tensor.dtype, bytes, out)
  else out.set(numbersOf(tensor.dtype, bytes)) // coordinates of sparse values
  giveBack(bytes)
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

/** All values of a small tensor as numbers (I64 beyond 2^53 loses precision). For evidence, never for weights. */
export async function readValues(tensor: Tensor, read: ReadInto): Promise<Float64Array> {
  const count = elementCount(tensor.shape)
  const bytes = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, count, bytes, newEvaluation(read))
  return numbersOf(tensor.dtype, bytes)
}
