/** Visits the tensors of a pickled object in its order, with bounds against objects made to explode. */
import { refuse } from '../../system/errors.ts'
import { type CountTensor, tensorCounter } from './limits.ts'
import { messages } from './pickle-messages.ts'
import {
  asKind,
  elements,
  globalName,
  isNode,
  mapping,
  type PyNode,
  type PyObject,
  type PyValue,
} from './pickle-values.ts'
import { type ObjectTensor, tensorOf } from './torch-tensors.ts'

/** Python's own recursion limit. */
const MAX_DEPTH = 1_000
/** SD 1.5 with optimizer takes 50,000; millions of steps mean that shared parts are visited again and again. */
const MAX_STEPS = 3_000_000
/** Bytes of inline arrays beside those of the pickle itself, which they come from. */
const INLINE_SLACK = 1024 ** 2

export type ObjectPath = string

export interface WalkedObject {
  readonly where: string
  readonly pickleBytes: number
}

/** Gets a tensor and its path. Returns false to end the walk. */
export type TensorVisitor = (path: ObjectPath, tensor: ObjectTensor) => boolean

/** One for all walks over an object, so that its limits hold for their sum. */
export interface TensorWalk {
  readonly object: WalkedObject
  /** Nodes between the root and here: an object may contain itself. */
  readonly open: Set<PyNode>
  readonly known: Map<PyObject, ObjectTensor | undefined>
  readonly count: CountTensor
  steps: number
  inlineBytes: number
}

export function newWalk(object: WalkedObject): TensorWalk {
  return {
    object,
    open: new Set(),
    known: new Map(),
    count: tensorCounter(object.where),
    steps: 0,
    inlineBytes: 0,
  }
}

function limit(walk: TensorWalk, detail: string): Error {
  return refuse('PICKLE_LIMIT', `${walk.object.where}: ${detail}`, messages.madeToExhaust)
}

/** A dict key as a path shows it. */
export function keyText(key: PyValue): string {
  if (typeof key === 'string') return key
  if (typeof key === 'boolean') return key ? 'True' : 'False'
  if (key === null) return 'None'
  if (key instanceof Uint8Array) return Buffer.from(key).toString('latin1')
  if (!isNode(key)) return String(key)
  if (key.kind === 'global') return globalName(key)
  if (key.kind === 'object') return `<${globalName(key.callee)}>`
  return `<${key.kind}>`
}

/**
 * Calls `visit` for every tensor below `value`. Paths: `/` and the key for dicts, `[i]` for sequences, `{state}` for
 * what an object's BUILD set, `{args}[i]` for what it would be called with.
 * @throws PICKLE_LIMIT, TABLE_LIMIT (exit 3), and what `tensorOf` throws
 */
export function walkTensors(walk: TensorWalk, value: PyValue, path: ObjectPath, visit: TensorVisitor): void {
  step(walk, value, path, visit)
  walk.open.clear()
}

/** Returns false when the visitor wants no more. */
function step(walk: TensorWalk, value: PyValue, path: ObjectPath, visit: TensorVisitor): boolean {
  if (++walk.steps > MAX_STEPS) throw limit(walk, messages.tooManySteps(MAX_STEPS))
  if (!isNode(value) || value.kind === 'global' || value.kind === 'persistent') return true
  if (walk.open.has(value)) return true
  if (value.kind === 'object') {
    const tensor = knownTensor(walk, value, path)
    if (tensor) {
      walk.count(path)
      return visit(path, tensor)
    }
  }
  if (walk.open.size >= MAX_DEPTH) throw limit(walk, messages.tooDeep(MAX_DEPTH))
  walk.open.add(value)
  const more = visitChildren(walk, value, path, visit)
  walk.open.delete(value)
  return more
}

function knownTensor(walk: TensorWalk, object: PyObject, path: ObjectPath): ObjectTensor | undefined {
  if (!walk.known.has(object)) {
    const tensor = tensorOf(walk.object.where, path, object)
    walk.known.set(object, tensor)
    if (tensor?.kind === 'inline') walk.inlineBytes += tensor.data.byteLength
    if (walk.inlineBytes > walk.object.pickleBytes + INLINE_SLACK)
      throw limit(walk, messages.arraysTooLarge(walk.inlineBytes))
  }
  return walk.known.get(object)
}

function visitChildren(walk: TensorWalk, node: PyNode, path: ObjectPath, visit: TensorVisitor): boolean {
  const entries = mapping(node) ?? asKind(node, 'object')?.entries
  if (entries && !visitEntries(walk, entries, path, visit)) return false
  const items = elements(node) ?? asKind(node, 'object')?.items ?? asKind(node, 'set')?.items
  if (items && !visitItems(walk, items, path, visit)) return false
  if (node.kind !== 'object') return true
  if (!entries && !items && !visitItems(walk, node.args.items, `${path}{args}`, visit)) return false
  return node.state === undefined || step(walk, node.state, `${path}{state}`, visit)
}

function visitEntries(
  walk: TensorWalk,
  entries: ReadonlyMap<PyValue, PyValue>,
  path: ObjectPath,
  visit: TensorVisitor,
): boolean {
  const prefix = path === '' ? '' : `${path}/`
  for (const [key, value] of entries) {
    // Most values are primitives; their paths need not be made.
    if (!isNode(value)) walk.steps++
    else if (!step(walk, value, prefix + keyText(key), visit)) return false
  }
  return true
}

function visitItems(
  walk: TensorWalk,
  items: readonly PyValue[],
  path: ObjectPath,
  visit: TensorVisitor,
): boolean {
  for (const [i, item] of items.entries()) {
    if (!isNode(item)) walk.steps++
    else if (!step(walk, item, `${path}[${i}]`, visit)) return false
  }
  return true
}
