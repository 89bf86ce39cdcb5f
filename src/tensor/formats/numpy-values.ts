/** Arrays and scalars of numpy inside a pickle. Their bytes are in the pickle itself. */
import { type DType, dtypeInfo, elementCount } from '../values/dtype.ts'
import { rowMajorStrides } from '../values/strided.ts'
import {
  asKind,
  calleeName,
  globalName,
  isSize,
  type PyObject,
  type PyValue,
  sequence,
} from './pickle-values.ts'

/** numpy's limit (`NPY_MAXDIMS` of numpy 2); real weights have at most five. */
export const MAX_DIMENSIONS = 64

/** By numpy's type codes without byte order. Source: numpy reference, "Array protocol type strings". */
const NUMPY_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['f8', 'F64'],
  ['f4', 'F32'],
  ['f2', 'F16'],
  ['i8', 'I64'],
  ['i4', 'I32'],
  ['i2', 'I16'],
  ['i1', 'I8'],
  ['u8', 'U64'],
  ['u4', 'U32'],
  ['u2', 'U16'],
  ['u1', 'U8'],
  ['b1', 'BOOL'],
  ['c8', 'C64'],
  ['c16', 'C128'],
])

const RECONSTRUCT = new Set(['numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'])
const FROM_BUFFER = new Set(['numpy.core.numeric._frombuffer', 'numpy._core.numeric._frombuffer'])
const BYTES = new Set(['_codecs.encode', 'builtins.bytearray', 'builtins.bytes'])
const SCALAR = new Set(['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'])

export interface NumpyArray {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Little-endian, row-major. */
  readonly data: Uint8Array
}

interface NumpyDType {
  readonly dtype: DType
  readonly bigEndian: boolean
}

/** `numpy.dtype('f4', False, True)` with the state `(3, '<', ...)`. Undefined for text, objects, records. */
function numpyDType(value: PyValue | undefined): NumpyDType | undefined {
  const object = asKind(value, 'object')
  if (!object || globalName(object.callee) !== 'numpy.dtype') return undefined
  const code = object.args.items[0]
  const text = typeof code === 'string' ? /^([<>|=]?)([a-z]\d+)$/.exec(code) : null
  const dtype = text && NUMPY_DTYPES.get(text[2]!)
  if (!text || !dtype) return undefined
  const order = sequence(object.state)?.[1] ?? text[1]
  return { dtype, bigEndian: order === '>' }
}

/**
 * Exactly `length` bytes however the protocol wrote them: as such, as Latin-1 text for `_codecs.encode` (protocols 0
 * to 2), as a Python 2 `str`, or as a call of `bytes`. The length is compared first: a text that thousands of objects
 * share must not be copied thousands of times.
 */
function bytesOf(value: PyValue | undefined, length: number): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value.byteLength === length ? value : undefined
  if (typeof value === 'string') return value.length === length ? Buffer.from(value, 'latin1') : undefined
  const object = asKind(value, 'object')
  if (!object || !BYTES.has(globalName(object.callee))) return undefined
  const [text, encoding] = object.args.items
  if (text === undefined) return length === 0 ? new Uint8Array(0) : undefined
  if (typeof text === 'string' && encoding !== 'latin1' && encoding !== 'latin-1') return undefined
  return typeof text === 'string' || text instanceof Uint8Array ? bytesOf(text, length) : undefined
}

function shapeOf(value: PyValue | undefined): number[] | undefined {
  const sizes = sequence(value)
  return sizes && sizes.length <= MAX_DIMENSIONS && sizes.every(isSize) ? (sizes as number[]) : undefined
}

/** `(version, shape, dtype, is_fortran, data)`; the version is missing in old files. */
function arrayParts(object: PyObject): readonly (PyValue | undefined)[] | undefined {
  const name = globalName(object.callee)
  if (RECONSTRUCT.has(name)) return sequence(object.state)?.slice(-4)
  if (!FROM_BUFFER.has(name)) return undefined
  const [data, dtype, shape, order] = object.args.items
  return [shape, dtype, order === 'F', data]
}

/** The array an object of `numpy` pickles describes; undefined if it is none, or none of plain numbers. */
export function numpyArray(object: PyObject): NumpyArray | undefined {
  const [shapeValue, type, fortran, raw] = arrayParts(object) ?? []
  const shape = shapeOf(shapeValue)
  const element = numpyDType(type)
  if (!shape || !element) return undefined
  const itemSize = dtypeInfo(element.dtype).bytes
  const bytes = bytesOf(raw, elementCount(shape) * itemSize)
  if (!bytes) return undefined
  const rows = fortran === true && shape.length > 1 ? rowMajor(bytes, shape, itemSize) : bytes
  return { dtype: element.dtype, shape, data: littleEndian(rows, element) }
}

/** An array of plain numbers whose data `numpyArray` could not read: damaged, not something else. */
export function isDamagedArray(object: PyObject): boolean {
  const parts = arrayParts(object)
  return parts !== undefined && numpyDType(parts[1]) !== undefined && numpyArray(object) === undefined
}

function rowMajor(bytes: Uint8Array, shape: readonly number[], itemSize: number): Uint8Array {
  const strides = rowMajorStrides([...shape].reverse()).reverse()
  const out = new Uint8Array(bytes.byteLength)
  const index = new Array<number>(shape.length).fill(0)
  for (let to = 0; to < out.byteLength; to += itemSize) {
    const from = index.reduce((sum, i, d) => sum + i * strides[d]!, 0) * itemSize
    out.set(bytes.subarray(from, from + itemSize), to)
    for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0
  }
  return out
}

function littleEndian(bytes: Uint8Array, { dtype, bigEndian }: NumpyDType): Uint8Array {
  if (!bigEndian) return bytes
  const { bytes: itemSize, kind } = dtypeInfo(dtype)
  const step = kind === 'complex' ? itemSize / 2 : itemSize
  const out = Uint8Array.from(bytes)
  for (let at = 0; at < out.byteLength; at += step) out.subarray(at, at + step).reverse()
  return out
}

/** The number of a numpy scalar: `scalar(dtype, bytes)`. */
export function numpyScalar(value: PyValue): number | bigint | boolean | undefined {
  const name = calleeName(value)
  if (name === undefined || !SCALAR.has(name)) return undefined
  const [type, raw] = asKind(value, 'object')!.args.items
  const element = numpyDType(type)
  const bytes = element && bytesOf(raw, dtypeInfo(element.dtype).bytes)
  if (!bytes) return undefined
  return readNumber(element.dtype, littleEndian(bytes, element))
}

function readNumber(dtype: DType, bytes: Uint8Array): number | bigint | boolean | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const readers: Partial<Record<DType, () => number | bigint | boolean>> = {
    F64: () => view.getFloat64(0, true),
    F32: () => view.getFloat32(0, true),
    I64: () => small(view.getBigInt64(0, true)),
    U64: () => small(view.getBigUint64(0, true)),
    I32: () => view.getInt32(0, true),
    U32: () => view.getUint32(0, true),
    I16: () => view.getInt16(0, true),
    U16: () => view.getUint16(0, true),
    I8: () => view.getInt8(0),
    U8: () => view.getUint8(0),
    BOOL: () => view.getUint8(0) !== 0,
  }
  return readers[dtype]?.()
}

function small(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
