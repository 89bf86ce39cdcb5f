/** Storages: the blocks of bytes outside of the pickle that tensors are views of. */
import { refuse } from '../../system/errors.ts'
import { type DType, dtypeInfo } from '../values/dtype.ts'
import { messages } from './pickle-messages.ts'
import { asKind, globalName, isSize, type PyPersistent, sequence } from './pickle-values.ts'

/** Element types by `torch.<name>`. Source: torch `c10/core/ScalarType.h`, dtypes that have plain elements. */
export const TORCH_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['float64', 'F64'],
  ['double', 'F64'],
  ['float32', 'F32'],
  ['float', 'F32'],
  ['float16', 'F16'],
  ['half', 'F16'],
  ['bfloat16', 'BF16'],
  ['int64', 'I64'],
  ['long', 'I64'],
  ['int32', 'I32'],
  ['int', 'I32'],
  ['int16', 'I16'],
  ['short', 'I16'],
  ['int8', 'I8'],
  ['uint8', 'U8'],
  ['uint16', 'U16'],
  ['uint32', 'U32'],
  ['uint64', 'U64'],
  ['bool', 'BOOL'],
  ['complex64', 'C64'],
  ['complex128', 'C128'],
  ['float8_e4m3fn', 'F8_E4M3'],
  ['float8_e5m2', 'F8_E5M2'],
  ['float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['float8_e5m2fnuz', 'F8_E5M2FNUZ'],
  ['float8_e8m0fnu', 'F8_E8M0'],
])

/** Element types by storage class. Untyped storages count bytes. Quantised ones (QInt8Storage ...) have no entry. */
const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
  ['ComplexFloatStorage', 'C64'],
  ['ComplexDoubleStorage', 'C128'],
  ['UntypedStorage', 'U8'],
  ['_UntypedStorage', 'U8'],
])

export interface TorchStorage {
  /** Name of its bytes: `data/<key>` of a zip, a record of a legacy stream. */
  readonly key: string
  readonly dtype: DType
  /** Bytes of the whole root storage. */
  readonly nbytes: number
  /** The part of the root storage this one is (legacy views), in bytes. */
  readonly viewOffset: number
  readonly viewBytes: number
}

function malformed(where: string, { offset }: PyPersistent, detail: string): Error {
  return refuse('TORCH_STORAGE', messages.storageAt(where, offset, detail), messages.notByTorch)
}

/**
 * Reads a persistent id: `('storage', class, key, location, numel[, view_metadata])`, where view_metadata is None or
 * `(view_key, offset, size)` in elements. Source: torch `serialization.py`, `persistent_load` of both loaders.
 * @throws TORCH_STORAGE (exit 3)
 */
export function storageOf(where: string, node: PyPersistent): TorchStorage {
  const [tag, type, key, , numel, view] = sequence(node.id) ?? []
  if (tag !== 'storage') throw malformed(where, node, messages.storageNotByTorch)
  const storageClass = asKind(type, 'global')
  const dtype = storageClass && STORAGE_DTYPES.get(storageClass.name)
  if (!dtype) {
    const problem = storageClass
      ? messages.storageType(globalName(storageClass))
      : messages.storageWithoutType
    throw malformed(where, node, problem)
  }
  if (typeof key !== 'string' || !isSize(numel)) throw malformed(where, node, messages.storageKey)
  const itemSize = dtypeInfo(dtype).bytes
  const nbytes = numel * itemSize
  const [, start, count] = sequence(view) ?? [null, 0, numel]
  if (!Number.isSafeInteger(nbytes) || !isSize(start) || !isSize(count) || start + count > numel)
    throw malformed(where, node, messages.storageSizes)
  return { key, dtype, nbytes, viewOffset: start * itemSize, viewBytes: count * itemSize }
}
