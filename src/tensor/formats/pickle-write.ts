/**
 * Pickles of plain data and tensors, protocol 2, as `torch.load(weights_only=True)` reads them: no class is named that
 * its allow-list does not have. Source: CPython `Lib/pickletools.py`, torch `serialization.py` and `_utils.py`.
 */
import { DTYPES, type DType, elementCount } from '../values/dtype.ts'

/** What a file holds: plain values, and tensors by their names. */
export type TorchObject = null | boolean | number | string | TorchTensor | TorchDict

export interface TorchTensor {
  /** Name in the table. */
  readonly tensor: string
}

export interface TorchDict {
  readonly dict: readonly (readonly [key: string, value: TorchObject])[]
}

/** Where the values of a tensor lie, and how they are to be read: contiguous, row-major. */
export interface PickledTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Name of the storage. */
  readonly key: string
}

/** Classes of typed storages; types without one have an untyped storage and name the type. */
const STORAGES: Readonly<Partial<Record<DType, string>>> = {
  F64: 'DoubleStorage',
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
  I16: 'ShortStorage',
  I8: 'CharStorage',
  U8: 'ByteStorage',
  BOOL: 'BoolStorage',
  C64: 'ComplexFloatStorage',
  C128: 'ComplexDoubleStorage',
}

const UNTYPED: Readonly<Partial<Record<DType, string>>> = {
  F8_E4M3: 'float8_e4m3fn',
  F8_E5M2: 'float8_e5m2',
  F8_E4M3FNUZ: 'float8_e4m3fnuz',
  F8_E5M2FNUZ: 'float8_e5m2fnuz',
  F8_E8M0: 'float8_e8m0fnu',
  U16: 'uint16',
  U32: 'uint32',
  U64: 'uint64',
}

export function isTorchDType(dtype: DType): boolean {
  return Object.hasOwn(STORAGES, dtype) || Object.hasOwn(UNTYPED, dtype)
}

const OP = {
  mark: 0x28,
  stop: 0x2e,
  binInt: 0x4a,
  binFloat: 0x47,
  none: 0x4e,
  binPersId: 0x51,
  reduce: 0x52,
  binUnicode: 0x58,
  global: 0x63,
  tuple: 0x74,
  setItems: 0x75,
  emptyDict: 0x7d,
  emptyTuple: 0x29,
  proto: 0x80,
  long1: 0x8a,
  true: 0x88,
  false: 0x89,
} as const

const PROTOCOL = 2

interface Pickler {
  readonly pieces: Uint8Array[]
  /** Looks up the tensors that the object names. */
  readonly tensorOf: (name: string) => PickledTensor
}

export function pickled(root: TorchObject, tensorOf: Pickler['tensorOf']): Uint8Array {
  const p: Pickler = { pieces: [Buffer.of(OP.proto, PROTOCOL)], tensorOf }
  write(p, root)
  op(p, OP.stop)
  return Buffer.concat(p.pieces)
}

function op({ pieces }: Pickler, ...codes: readonly number[]): void {
  pieces.push(Buffer.from(codes))
}

function write(p: Pickler, value: TorchObject): void {
  if (value === null) op(p, OP.none)
  else if (typeof value === 'boolean') op(p, value ? OP.true : OP.false)
  else if (typeof value === 'number') p.pieces.push(numberPiece(value))
  else if (typeof value === 'string') p.pieces.push(textPiece(value))
  else if ('tensor' in value) writeTensor(p, p.tensorOf(value.tensor))
  else writeDict(p, value)
}

function writeDict(p: Pickler, { dict }: TorchDict): void {
  op(p, OP.emptyDict, OP.mark)
  for (const [key, value] of dict) {
    write(p, key)
    write(p, value)
  }
  op(p, OP.setItems)
}

function writeGlobal(p: Pickler, module: string, name: string): void {
  op(p, OP.global)
  p.pieces.push(Buffer.from(`${module}\n${name}\n`))
}

function writeSizes(p: Pickler, sizes: readonly number[]): void {
  op(p, OP.mark)
  for (const size of sizes) write(p, size)
  op(p, OP.tuple)
}

function writeTensor(p: Pickler, tensor: PickledTensor): void {
  const { dtype, shape } = tensor
  const isTyped = Object.hasOwn(STORAGES, dtype)
  writeGlobal(p, 'torch._utils', isTyped ? '_rebuild_tensor_v2' : '_rebuild_tensor_v3')
  op(p, OP.mark)
  writeStorage(p, tensor)
  write(p, 0) // offset
  writeSizes(p, shape)
  writeSizes(p, rowMajor(shape))
  write(p, false) // requires_grad
  writeGlobal(p, 'collections', 'OrderedDict') // backward hooks
  op(p, OP.emptyTuple, OP.reduce)
  if (!isTyped) writeGlobal(p, 'torch', UNTYPED[dtype]!)
  op(p, OP.tuple, OP.reduce)
}

function writeStorage(p: Pickler, { dtype, shape, key }: PickledTensor): void {
  const storage = STORAGES[dtype]
  op(p, OP.mark)
  write(p, 'storage')
  writeGlobal(p, storage ? 'torch' : 'torch.storage', storage ?? 'UntypedStorage')
  write(p, key)
  write(p, 'cpu')
  write(p, elementCount(shape) * (storage ? 1 : DTYPES[dtype].bytes))
  op(p, OP.tuple, OP.binPersId)
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1))
}

function textPiece(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(5, OP.binUnicode)
  head.writeUInt32LE(bytes.byteLength, 1)
  return Buffer.concat([head, bytes])
}

const INT32 = 2 ** 31

function numberPiece(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) {
    const piece = Buffer.alloc(9, OP.binFloat)
    piece.writeDoubleBE(value, 1)
    return piece
  }
  if (value >= -INT32 && value < INT32) {
    const piece = Buffer.alloc(5, OP.binInt)
    piece.writeInt32LE(value, 1)
    return piece
  }
  const piece = Buffer.alloc(10)
  piece[0] = OP.long1
  piece[1] = 8
  piece.writeBigInt64LE(BigInt(value), 2)
  return piece
}
