/**
 * What a pickle describes, without any of it being built: plain values, containers, and objects that are only the
 * name of what would be called with its arguments.
 */
import type { PickleGlobal } from '../values/table.ts'

export interface PyTuple {
  readonly kind: 'tuple'
  readonly items: readonly PyValue[]
}

export interface PyList {
  readonly kind: 'list'
  readonly items: PyValue[]
}

export interface PySet {
  readonly kind: 'set'
  readonly items: PyValue[]
}

/** Keys that are not primitives are the same key only if they are the same object. */
export interface PyDict {
  readonly kind: 'dict'
  readonly entries: Map<PyValue, PyValue>
}

/** A name, for example of a class. One object for each name of a file, so that it can be a dict key. */
export interface PyGlobal extends PickleGlobal {
  readonly kind: 'global'
}

/** `callee(*args)`, then `state`, `entries` and `items` as the pickle would have set them. Nothing was called. */
export interface PyObject {
  readonly kind: 'object'
  readonly callee: PyGlobal
  readonly args: PyTuple
  state?: PyValue
  entries?: Map<PyValue, PyValue>
  items?: PyValue[]
}

/** Stands for data outside of the pickle: the storages of torch. */
export interface PyPersistent {
  readonly kind: 'persistent'
  readonly id: PyValue
  readonly offset: number
}

export type PyNode = PyTuple | PyList | PySet | PyDict | PyGlobal | PyObject | PyPersistent

/** `int` beyond 2^53 is a bigint; `bytes` and `bytearray` are Uint8Array. */
export type PyValue = null | boolean | number | bigint | string | Uint8Array | PyNode

export function isNode(value: PyValue | undefined): value is PyNode {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

/** The value as a node of this kind. */
export function asKind<K extends PyNode['kind']>(
  value: PyValue | undefined,
  kind: K,
): Extract<PyNode, { kind: K }> | undefined {
  return isNode(value) && value.kind === kind ? (value as Extract<PyNode, { kind: K }>) : undefined
}

/** `module.name` with the names of Python 2 modules brought up to date. */
export function globalName({ module, name }: PickleGlobal): string {
  return `${PYTHON2_MODULES.get(module) ?? module}.${name}`
}

/** Python 2 modules under their names of today. Source: CPython `Lib/_compat_pickle.py`. */
export const PYTHON2_MODULES: ReadonlyMap<string, string> = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
  ['UserDict', 'collections'],
])

/** `module.name` of what an object calls, if the value is one. */
export function calleeName(value: PyValue | undefined): string | undefined {
  const object = asKind(value, 'object')
  return object && globalName(object.callee)
}

/** Elements of a tuple or list. */
export function sequence(value: PyValue | undefined): readonly PyValue[] | undefined {
  return isNode(value) && (value.kind === 'tuple' || value.kind === 'list') ? value.items : undefined
}

const MAPPINGS = new Set([
  'collections.OrderedDict',
  'collections.defaultdict',
  'collections.Counter',
  'builtins.dict',
])
const SEQUENCES = new Set(['builtins.list', 'builtins.tuple', 'collections.deque', 'torch.Size'])

type Entries = ReadonlyMap<PyValue, PyValue>

/**
 * Entries of a dict, or of an object that is one (OrderedDict, which Python 2 gives a list of pairs). Only for values
 * of a pickle that was read to its end: what they are is worked out once and kept.
 */
export function mapping(value: PyValue | undefined): Entries | undefined {
  if (!isNode(value)) return undefined
  if (value.kind === 'dict') return value.entries
  if (value.kind !== 'object' || !MAPPINGS.has(globalName(value.callee))) return undefined
  return remembered(MERGED, value, mergedEntries)
}

/** A pickle can name one node a hundred thousand times, so nothing of its size may be made anew for each. */
const MERGED = new WeakMap<PyObject, Entries>()
const PAIRS = new WeakMap<readonly PyValue[], Entries | null>()

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, make: (key: K) => V): V {
  const found = known.get(key)
  if (found !== undefined) return found
  const made = make(key)
  known.set(key, made)
  return made
}

function mergedEntries({ args, entries }: PyObject): Entries {
  const given = args.items.at(-1)
  const list = sequence(given)
  const inherited = asKind(given, 'dict')?.entries ?? (list && remembered(PAIRS, list, pairs))
  if (!inherited) return entries ?? EMPTY
  return entries ? new Map([...inherited, ...entries]) : inherited
}

const EMPTY: Entries = new Map()

function pairs(list: readonly PyValue[]): Entries | null {
  const entries = new Map<PyValue, PyValue>()
  for (const item of list) {
    const pair = sequence(item)
    if (pair?.length !== 2) return null
    entries.set(pair[0]!, pair[1]!)
  }
  return entries
}

/** A count, or a size along one dimension. */
export function isSize(value: PyValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Elements of a tuple or list, or of an object that is one (torch.Size, deque). */
export function elements(value: PyValue | undefined): readonly PyValue[] | undefined {
  const plain = sequence(value)
  if (plain) return plain
  const object = asKind(value, 'object')
  if (!object || !SEQUENCES.has(globalName(object.callee))) return undefined
  return object.items ?? sequence(object.args.items[0]) ?? []
}
