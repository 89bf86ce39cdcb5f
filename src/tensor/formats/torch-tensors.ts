/** Calls of torch's rebuild functions, read as what they say: dtype, shape, strides, and which bytes. */
import { refuse } from '../../system/errors.ts'
import { type DType, dtypeInfo, elementCount } from '../values/dtype.ts'
import { isDamagedArray, MAX_DIMENSIONS, numpyArray } from './numpy-values.ts'
import { messages } from './pickle-messages.ts'
import { asKind, elements, globalName, isSize, type PyObject, type PyValue } from './pickle-values.ts'
import { storageOf, TORCH_DTYPES, type TorchStorage } from './torch-storage.ts'

/** A tensor of the object, before the places of its bytes are looked up. */
export type ObjectTensor = StorageView | InlineTensor

export interface StorageView {
  readonly kind: 'view'
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly storage: TorchStorage
  /** Byte of the first element in the storage (its view, for legacy views). */
  readonly offset: number
  /** Bytes from the first to the last element. */
  readonly nbytes: number
  /** In elements; only if the view is not row-major. */
  readonly strides?: readonly number[]
}

export interface InlineTensor {
  readonly kind: 'inline'
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array
  /** The type of `data` if its values are to be rounded to `dtype`: torch sends bfloat16 through numpy as float32. */
  readonly stored?: DType
}

function malformed({ where, path }: ViewPlace, detail: string): Error {
  return refuse('TORCH_TENSOR', messages.tensorProblem(where, path, detail), messages.damagedPickleFile)
}

function unsupported({ where, path }: ViewPlace, what: string): Error {
  return refuse('TORCH_UNSUPPORTED', messages.tensorUnsupported(where, path, what))
}

/** Where an error is: the file, and the path in the object. */
interface ViewPlace {
  readonly where: string
  readonly path: string
}

function sizes(place: ViewPlace, value: PyValue | undefined, what: string): number[] {
  const list = elements(value)
  if (list && list.length > MAX_DIMENSIONS)
    throw malformed(place, messages.tensorDimensions(list.length, MAX_DIMENSIONS))
  if (!list?.every(isSize)) throw malformed(place, messages.noValid(what))
  return list as number[]
}

/** Dimensions of size 1 are never stepped along, so their stride is arbitrary. */
function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== step) return false
    step *= shape[d]!
  }
  return true
}

/** `(storage, offset, size, stride, ...)`; a seventh argument of v3 is the dtype of an untyped storage. */
function viewOf(place: ViewPlace, args: readonly PyValue[], dtype?: DType): StorageView {
  const node = asKind(args[0], 'persistent')
  if (!node) throw malformed(place, messages.noStorage)
  const storage = storageOf(place.where, node)
  const type = dtype ?? storage.dtype
  const itemSize = dtypeInfo(type).bytes
  const start = args[1]
  if (!isSize(start)) throw malformed(place, messages.noValidOffset)
  const shape = sizes(place, args[2], 'shape')
  const strides = sizes(place, args[3], 'strides')
  if (strides.length !== shape.length)
    throw malformed(place, messages.stridesMismatch(shape.length, strides.length))
  const count = elementCount(shape)
  if (!Number.isSafeInteger(count * itemSize))
    throw malformed(place, messages.impossibleShape(shape.join(', ')))
  if (count === 0) return { kind: 'view', dtype: type, shape, storage, offset: 0, nbytes: 0 }
  const span = shape.reduce((sum, n, d) => sum + (n - 1) * strides[d]!, 1)
  const end = (start + span) * itemSize
  if (!(end <= storage.viewBytes))
    throw malformed(place, messages.beyondStorage(end, storage.key, storage.viewBytes))
  const view = {
    kind: 'view',
    dtype: type,
    shape,
    storage,
    offset: start * itemSize,
    nbytes: span * itemSize,
  } as const
  return isRowMajor(shape, strides) ? view : { ...view, strides }
}

/** `torch.float32` as a name. */
function dtypeArg(place: ViewPlace, value: PyValue | undefined): DType {
  const global = asKind(value, 'global')
  const dtype = global?.module === 'torch' ? TORCH_DTYPES.get(global.name) : undefined
  if (!dtype) throw unsupported(place, global ? messages.ofType(globalName(global)) : messages.unnamedType)
  return dtype
}

/** Types numpy has none for, so that torch sends them as float32. */
const ROUNDED: ReadonlySet<DType> = new Set<DType>(['BF16', 'F16', 'F32', 'F8_E4M3', 'F8_E5M2'])

/** `(ndarray, dtype, device, requires_grad)` */
function fromNumpy(place: ViewPlace, args: readonly PyValue[]): InlineTensor {
  const object = asKind(args[0], 'object')
  const array = object && numpyArray(object)
  if (!array) throw malformed(place, messages.noNumpyArray)
  const dtype = dtypeArg(place, args[1])
  const { shape, data } = array
  if (dtype === array.dtype) return { kind: 'inline', dtype, shape, data }
  if (!ROUNDED.has(dtype) || dtypeInfo(array.dtype).kind !== 'float')
    throw unsupported(place, messages.keptAs(dtype, array.dtype))
  return { kind: 'inline', dtype, shape, data, stored: array.dtype }
}

type Rebuild = (place: ViewPlace, args: readonly PyValue[]) => ObjectTensor

/** Source: torch `_utils.py`. */
const REBUILD: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>([
  ['torch._utils._rebuild_tensor', (place, args) => viewOf(place, args)],
  ['torch._utils._rebuild_tensor_v2', (place, args) => viewOf(place, args)],
  ['torch._utils._rebuild_tensor_v3', (place, args) => viewOf(place, args, dtypeArg(place, args[6]))],
  ['torch._utils._rebuild_device_tensor_from_numpy', fromNumpy],
])

/** Functions whose first argument is the tensor. */
const WRAPPERS: ReadonlySet<string> = new Set([
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
  'torch._utils._rebuild_device_tensor_from_cpu_tensor',
  'torch.nn.parameter.Parameter',
])

const REFUSED: ReadonlyMap<string, () => string> = new Map<string, () => string>([
  ['torch._utils._rebuild_sparse_tensor', () => messages.sparse],
  ['torch._utils._rebuild_qtensor', () => messages.quantisedByTorch],
  ['torch._utils._rebuild_nested_tensor', () => messages.nested],
  ['torch._utils._rebuild_meta_tensor_no_storage', () => messages.withoutValues],
])

interface Call {
  readonly name: string
  readonly args: readonly PyValue[]
  readonly object: PyObject
}

/** A parameter of a subclass of a parameter is three deep; a chain of thousands would be walked for each of its links. */
const MAX_WRAPPERS = 16

/** Looks through parameters and subclass wrappers at the call that makes the tensor. @throws PICKLE_LIMIT (exit 3) */
function innermost(place: ViewPlace, object: PyObject): Call | undefined {
  let call: Call = { name: globalName(object.callee), args: object.args.items, object }
  for (let wrappers = 0; wrappers <= MAX_WRAPPERS; wrappers++) {
    if (WRAPPERS.has(call.name)) {
      const inner = asKind(call.args[0], 'object')
      if (!inner) return undefined
      call = { name: globalName(inner.callee), args: inner.args.items, object: inner }
    } else if (call.name === 'torch._tensor._rebuild_from_type_v2') {
      // (function, type, args, state): what the subclass adds is in the state and is not a weight
      const fn = asKind(call.args[0], 'global')
      const args = asKind(call.args[2], 'tuple')
      if (!fn || !args) return undefined
      call = { name: globalName(fn), args: args.items, object: call.object }
    } else return call
  }
  throw refuse(
    'PICKLE_LIMIT',
    messages.tooManyWrappers(place.where, place.path, MAX_WRAPPERS),
    messages.madeToExhaust,
  )
}

/**
 * The tensor an object describes, or undefined if it describes something else.
 * @param path of the object, for messages
 * @throws TORCH_TENSOR, TORCH_UNSUPPORTED, TORCH_STORAGE, PICKLE_LIMIT (exit 3)
 */
export function tensorOf(where: string, path: string, object: PyObject): ObjectTensor | undefined {
  const call = innermost({ where, path }, object)
  if (!call) return undefined
  const refused = REFUSED.get(call.name)
  if (refused !== undefined) throw unsupported({ where, path }, refused())
  const rebuild = REBUILD.get(call.name)
  if (rebuild) return rebuild({ where, path }, call.args)
  const array = numpyArray(call.object)
  if (!array && isDamagedArray(call.object)) throw malformed({ where, path }, messages.numpyShape)
  return array && { kind: 'inline', ...array }
}
