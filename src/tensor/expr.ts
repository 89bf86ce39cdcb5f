/** Evaluation of lazy tensors: any block of elements of any expression, with memory bounded by the block. */
import { byteLength, DTYPES, type DType, elementCount, isFloat, type OutputDType } from './dtype.ts'
import { type CastStats, castFloats, elementsOf, newCastStats } from './float.ts'
import { gatherStrided } from './strided.ts'
import type { FileRef, StoredSource, Tensor } from './table.ts'

/** Reads `target.byteLength` bytes of a file from `offset`. */
export type ReadInto = (file: FileRef, offset: number, target: Uint8Array) => Promise<void>

/** What evaluation needs of the world, and where it notes what rounding did. One for each job, never shared. */
export interface Evaluation {
  readonly read: ReadInto
  /** Counts for each tensor that was cast. */
  readonly stats: Map<string, CastStats>
}

export function newEvaluation(read: ReadInto): Evaluation {
  return { read, stats: new Map() }
}

/** Types a float can be cast to. */
const OUTPUT_DTYPES: ReadonlySet<DType> = new Set<OutputDType>(['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'])

export function canCast(from: DType, to: DType): to is OutputDType {
  return isFloat(from) && OUTPUT_DTYPES.has(to)
}

/** The tensor with its values in another float type; itself if it has that type already. */
export function cast(tensor: Tensor, dtype: OutputDType): Tensor {
  if (tensor.dtype === dtype) return tensor
  if (!canCast(tensor.dtype, dtype))
    throw new TypeError(`${tensor.name}: no cast from ${tensor.dtype} to ${dtype}`)
  return { name: tensor.name, dtype, shape: tensor.shape, source: { kind: 'cast', of: tensor } }
}

/** The same values under another name. */
export function renamed(tensor: Tensor, name: string): Tensor {
  return { ...tensor, name }
}

/** Bytes of elements [begin, end) of a tensor of this type. */
export function blockBytes(dtype: DType, begin: number, end: number): number {
  const { elements, bytes } = DTYPES[dtype]
  return ((end - begin) / elements) * bytes
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
      return readStored(tensor, source, begin, end, out, evaluation.read)
    case 'bytes': {
      const first = blockBytes(dtype, 0, begin)
      out.set(source.data.subarray(first, first + out.byteLength))
      return
    }
    case 'cast':
      return evaluateCast(source.of, dtype as OutputDType, begin, end, out, evaluation)
  }
}

async function readStored(
  tensor: Tensor,
  source: StoredSource,
  begin: number,
  end: number,
  out: Uint8Array,
  read: ReadInto,
): Promise<void> {
  const { bytes: itemSize } = DTYPES[tensor.dtype]
  if (source.strides) {
    const readBytes = async (offset: number, length: number): Promise<Uint8Array> => {
      const target = new Uint8Array(length)
      await read(source.file, offset, target)
      return target
    }
    await gatherStrided(source, tensor.shape, itemSize, { begin, end }, out, readBytes)
  } else {
    await read(source.file, source.offset + blockBytes(tensor.dtype, 0, begin), out)
  }
  if (source.bigEndian)
    swapBytes(out, tensor.dtype === 'C64' || tensor.dtype === 'C128' ? itemSize / 2 : itemSize)
}

function swapBytes(bytes: Uint8Array, itemSize: number): void {
  for (let at = 0; at < bytes.byteLength; at += itemSize) bytes.subarray(at, at + itemSize).reverse()
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

/**
 * Buffers between two steps of an evaluation are used again: a fresh allocation of megabytes for each block costs
 * as much as the copy itself (page faults), and lets the process grow until the next garbage collection.
 */
const spare: ArrayBuffer[] = []
const MAX_SPARE = 8

function borrow(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes === 0) return new Uint8Array(0)
  const index = spare.findIndex((buffer) => buffer.byteLength >= bytes)
  const buffer = index < 0 ? new ArrayBuffer(bytes) : spare.splice(index, 1)[0]!
  return new Uint8Array(buffer, 0, bytes)
}

function giveBack(...buffers: Uint8Array<ArrayBuffer>[]): void {
  for (const { buffer } of buffers) {
    if (buffer.byteLength > 0) spare.push(buffer)
  }
  while (spare.length > MAX_SPARE) spare.shift()
}

/** All values of a small tensor as numbers (I64 beyond 2^53 loses precision). For evidence, never for weights. */
export async function readValues(tensor: Tensor, read: ReadInto): Promise<Float64Array> {
  const count = elementCount(tensor.shape)
  const bytes = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, count, bytes, newEvaluation(read))
  return numbersOf(tensor.dtype, bytes)
}

function numbersOf(dtype: DType, bytes: Uint8Array): Float64Array {
  switch (dtype) {
    case 'F64':
      return elementsOf(Float64Array, bytes)
    case 'I64':
      return Float64Array.from(elementsOf(BigInt64Array, bytes), Number)
    case 'U64':
      return Float64Array.from(elementsOf(BigUint64Array, bytes), Number)
    case 'I32':
      return Float64Array.from(elementsOf(Int32Array, bytes))
    case 'U32':
      return Float64Array.from(elementsOf(Uint32Array, bytes))
    case 'I16':
      return Float64Array.from(elementsOf(Int16Array, bytes))
    case 'U16':
      return Float64Array.from(elementsOf(Uint16Array, bytes))
    case 'I8':
      return Float64Array.from(elementsOf(Int8Array, bytes))
    case 'U8':
    case 'BOOL':
      return Float64Array.from(bytes)
    default:
      return floatNumbers(dtype, bytes)
  }
}

function floatNumbers(dtype: DType, bytes: Uint8Array): Float64Array {
  if (!isFloat(dtype)) throw new TypeError(`${dtype} values cannot be read as numbers`)
  const floats = new Float32Array(bytes.byteLength / DTYPES[dtype].bytes)
  const out = new Uint8Array(floats.buffer)
  castFloats(dtype, 'F32', bytes, out, floats, newCastStats())
  return Float64Array.from(floats)
}
