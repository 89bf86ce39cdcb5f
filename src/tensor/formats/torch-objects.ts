/**
 * From the object of a pickle to a model: which part of it is the weights, their names, what is left beside them.
 */
import { refuse } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { quoted } from '../../system/text.ts'
import { byteLength } from '../values/dtype.ts'
import type {
  Finding,
  FormatId,
  Leftover,
  ModelFile,
  PlainValue,
  SecurityReport,
  StatedSum,
  Tensor,
} from '../values/table.ts'
import { messages } from './pickle-messages.ts'
import { isNode, mapping, type PyValue } from './pickle-values.ts'
import { plainConverter, storageFinder, typeName } from './plain-values.ts'
import { keyText, newWalk, type ObjectPath, type TensorWalk, walkTensors } from './tensor-walk.ts'
import type { ObjectTensor } from './torch-tensors.ts'

export interface StoragePlace {
  /** Byte of the file at which it begins. */
  readonly offset: number
  readonly sum?: StatedSum
}

/** What a pickle-based container gives: an object, and where the storages it speaks of are. */
export interface PickledObject {
  readonly file: FileRef
  readonly format: FormatId
  /** The pickle, for messages: the path of the file and the member of the archive. */
  readonly where: string
  readonly root: PyValue
  readonly pickleBytes: number
  readonly security: SecurityReport
  readonly bigEndian: boolean
  readonly findings: readonly Finding[]
  /** Bytes there are for a storage; undefined if the file has no such storage. */
  storageBytes(key: string): number | undefined
  /** Where each of these storages lies in the file. */
  locate(keys: readonly string[]): Promise<ReadonlyMap<string, StoragePlace>>
  readonly checksums?: ModelFile['checksums']
}

/** Keys under which programs put the weights, the better first. */
export const WEIGHTS_KEYS: readonly string[] = [
  'state_dict', // Lightning, ldm
  'model_state_dict',
  'model',
  'module', // DeepSpeed, DataParallel
  'params_ema', // ESRGAN family: what its loaders prefer
  'params',
  'generator',
  'weights',
  'net',
  'network',
]
/** `{"model": {"module": {"state_dict": ...}}}` is three deep. */
const MAX_WRAPPERS = 4

/** Training state that trainers put beside weights. Its tensors are not weights unless the file has no others. */
const TRAINING_STATE: ReadonlySet<string> = new Set([
  'optimizer',
  'optimizers',
  'optimizer_states',
  'optimizer_state_dict',
  'lr_scheduler',
  'lr_schedulers',
  'scheduler',
  'callbacks',
  'loops',
  'scaler',
  'grad_scaler',
  'native_amp_scaling_state',
  'rng_state',
  'rng_states',
])

/** What a table may blow up to when views of the same bytes are written out, beside 16 times the file itself. */
const MAX_EXPANSION_BYTES = 1024 ** 3

interface Named {
  readonly path: string
  readonly tensor: ObjectTensor
}

function collect(walk: TensorWalk, value: PyValue, path: ObjectPath): Named[] {
  const found: Named[] = []
  walkTensors(walk, value, path, (at, tensor) => {
    found.push({ path: at, tensor })
    return true
  })
  return found
}

function hasTensors(walk: TensorWalk, value: PyValue): boolean {
  let found = false
  walkTensors(walk, value, '', () => {
    found = true
    return false
  })
  return found
}

interface Beside {
  readonly key: string
  readonly path: string
  readonly value: PyValue
}

interface Weights {
  readonly value: PyValue
  /** Keys on the way to it. */
  readonly wrappers: readonly string[]
  readonly beside: readonly Beside[]
}

/** Follows the wrappers to the weights and collects what stands beside the way. */
function findWeights(root: PyValue, walk: TensorWalk): Weights {
  let value = root
  const wrappers: string[] = []
  const beside: Beside[] = []
  while (wrappers.length < MAX_WRAPPERS) {
    const entries = mapping(value)
    const wrapper = entries && WEIGHTS_KEYS.find((name) => wraps(walk, entries.get(name)))
    if (!entries || wrapper === undefined) break
    const prefix = wrappers.map((name) => `${name}/`).join('')
    for (const [key, other] of entries) {
      if (key !== wrapper) beside.push({ key: keyText(key), path: prefix + keyText(key), value: other })
    }
    wrappers.push(wrapper)
    value = entries.get(wrapper)!
  }
  return { value, wrappers, beside }
}

function wraps(walk: TensorWalk, value: PyValue | undefined): boolean {
  return mapping(value) !== undefined && hasTensors(walk, value!)
}

interface Sorted {
  readonly tensors: readonly Named[]
  readonly rest: readonly Beside[]
}

/** Divides the entries of the weights dict into tensors and what is none. */
function sortWeights(walk: TensorWalk, { value, wrappers }: Weights): Sorted {
  const entries = mapping(value)
  if (!entries) return { tensors: collect(walk, value, ''), rest: [] }
  const prefix = wrappers.map((name) => `${name}/`).join('')
  const tensors: Named[] = []
  const training: Named[] = []
  const rest: Beside[] = []
  const trainingRest: Beside[] = []
  for (const [rawKey, entry] of entries) {
    const key = keyText(rawKey)
    const found = isNode(entry) ? collect(walk, entry, key) : []
    const beside = { key, path: prefix + key, value: entry }
    if (found.length === 0) rest.push(beside)
    else if (TRAINING_STATE.has(key) && found[0]!.path !== key) {
      training.push(...found)
      trainingRest.push(beside)
    } else for (const named of found) tensors.push(named)
  }
  return tensors.length > 0 ? { tensors, rest: [...rest, ...trainingRest] } : { tensors: training, rest }
}

function storageProblem(object: PickledObject, { path, tensor }: Named): Error | undefined {
  if (tensor.kind !== 'view') return undefined
  const { key, nbytes } = tensor.storage
  const available = object.storageBytes(key)
  if (available !== undefined && nbytes <= available) return undefined
  return available === undefined
    ? refuse(
        'TORCH_STORAGE_MISSING',
        messages.storageMissing(object.where, path, key, nbytes),
        messages.incomplete,
      )
    : refuse(
        'TORCH_STORAGE_SIZE',
        messages.storageTooSmall(object.where, path, nbytes, key, available),
        messages.incomplete,
      )
}

function sourceOf(
  object: PickledObject,
  tensor: ObjectTensor,
  places: ReadonlyMap<string, StoragePlace>,
): Tensor['source'] {
  if (tensor.kind === 'inline') {
    const bytes = { kind: 'bytes', data: tensor.data } as const
    if (!tensor.stored) return bytes
    return { kind: 'cast', of: { name: '', dtype: tensor.stored, shape: tensor.shape, source: bytes } }
  }
  const { storage, offset, nbytes, strides } = tensor
  const place = places.get(storage.key)!
  return {
    kind: 'stored',
    file: object.file,
    offset: place.offset + storage.viewOffset + offset,
    nbytes,
    ...(strides ? { strides } : {}),
    ...(object.bigEndian ? { bigEndian: true } : {}),
    ...(place.sum && { sum: place.sum }),
  }
}

/** Looks up the places of the bytes and makes the table. */
async function resolve(object: PickledObject, named: readonly Named[]): Promise<Map<string, Tensor>> {
  const keys = new Set<string>()
  let bytes = 0
  for (const one of named) {
    const problem = storageProblem(object, one)
    if (problem) throw problem
    if (one.tensor.kind === 'view') keys.add(one.tensor.storage.key)
    bytes += byteLength(one.tensor.dtype, one.tensor.shape) ?? 0
  }
  if (bytes > 16 * object.file.size + MAX_EXPANSION_BYTES)
    throw refuse(
      'TORCH_EXPANSION',
      messages.expansion(object.where, bytes, object.file.size),
      messages.repeatedViews,
    )
  const places = await object.locate([...keys])
  const table = new Map<string, Tensor>()
  for (const { path, tensor } of named) {
    const name = path === '' ? 'tensor' : path
    if (table.has(name)) throw refuse('TORCH_DUPLICATE_NAME', messages.tensorTwice(object.where, name))
    const { dtype, shape } = tensor
    table.set(name, { name, dtype, shape, source: sourceOf(object, tensor, places) })
  }
  return table
}

interface Rest {
  readonly extras: Record<string, PlainValue>
  readonly leftovers: Leftover[]
}

/** Plain values are kept; of everything else only what it is and the bytes nothing before it uses. */
function describeRest(object: PickledObject, rest: readonly Beside[], used: Set<string>): Rest {
  const extras = new Map<string, PlainValue>()
  const leftovers: Leftover[] = []
  const toPlain = plainConverter()
  const storages = storageFinder(used)
  for (const { key, path, value } of rest) {
    const plain = extras.has(key) ? undefined : toPlain(value)
    if (plain !== undefined) extras.set(key, plain)
    else {
      const bytes = storages(value).reduce((sum, storage) => sum + (object.storageBytes(storage) ?? 0), 0)
      leftovers.push({ path, what: typeName(value), bytes })
    }
  }
  // fromEntries, as assignment would let a key `__proto__` replace the prototype
  return { extras: Object.fromEntries(extras), leftovers }
}

function findingsOf(object: PickledObject, tensors: readonly Named[]): Finding[] {
  if (tensors.length > 0) return [...object.findings]
  const message = messages.noTensors(describeRoot(object.root))
  return [...object.findings, { code: 'no-tensors', severity: 'error', message }]
}

function describeRoot(root: PyValue): string {
  const keys = mapping(root)
  if (!keys) return typeName(root)
  const shown = [...keys.keys()].slice(0, 5).map((key) => quoted(keyText(key)))
  return `${typeName(root)} (${shown.join(', ')}${keys.size > 5 ? ', ...' : ''})`
}

/**
 * The model a pickled object holds. Names are the keys of its state dict; in any other object the path to the
 * tensor: `string_to_param/*`, `[3]`, `layer{state}/_parameters/weight`. An object without tensors gives an empty
 * table with the finding `no-tensors`.
 * @throws TORCH_TENSOR, TORCH_UNSUPPORTED, TORCH_STORAGE, TORCH_STORAGE_MISSING, TORCH_STORAGE_SIZE,
 * TORCH_EXPANSION, TORCH_DUPLICATE_NAME, PICKLE_LIMIT (exit 3)
 */
export async function modelOf(object: PickledObject): Promise<ModelFile> {
  const walk = newWalk(object)
  const weights = findWeights(object.root, walk)
  const { tensors, rest } = sortWeights(walk, weights)
  const table = await resolve(object, tensors)
  const used = new Set(tensors.flatMap(({ tensor }) => (tensor.kind === 'view' ? [tensor.storage.key] : [])))
  const { extras, leftovers } = describeRest(object, [...weights.beside, ...rest], used)
  return {
    file: object.file,
    format: object.format,
    tensors: table,
    metadata: {},
    ...(weights.wrappers.length > 0 ? { weightsAt: weights.wrappers.join('/') } : {}),
    extras,
    leftovers,
    ...(object.checksums && { checksums: object.checksums }),
    findings: findingsOf(object, tensors),
    security: object.security,
  }
}

/**
 * Every tensor of the object by its path from the root, also those that are not weights.
 * @throws what `modelOf` throws
 */
export async function allTensors(object: PickledObject): Promise<Map<string, Tensor>> {
  return resolve(object, collect(newWalk(object), object.root, ''))
}
