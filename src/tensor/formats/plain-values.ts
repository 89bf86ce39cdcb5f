/** Values of a pickle that are not tensors: as plain data where they are, else by the name of what they are. */
import type { PlainValue } from '../values/table.ts'
import { numpyScalar } from './numpy-values.ts'
import {
  asKind,
  elements,
  globalName,
  isNode,
  mapping,
  type PyNode,
  type PyObject,
  type PyValue,
  sequence,
} from './pickle-values.ts'
import { keyText } from './tensor-walk.ts'

/** Hyper parameters of a training run are a few hundred values, ten deep at most. */
const MAX_NODES = 10_000
const MAX_DEPTH = 32
/** For all values of a file: parts they share are walked for each of them. */
const MAX_TOTAL_NODES = 1_000_000

interface Budget {
  /** Values that may still be converted. */
  nodes: number
}

/**
 * Gives values as plain data; undefined if any part of one is an object, or if it is too big to be worth keeping.
 * One converter for all values of a file.
 */
export function plainConverter(): (value: PyValue) => PlainValue | undefined {
  let total = MAX_TOTAL_NODES
  return (value) => {
    const given = Math.min(MAX_NODES, total) - 1
    const budget = { nodes: given }
    const plain = convert(value, budget, 0)
    total -= 1 + given - budget.nodes
    return plain
  }
}

function convert(value: PyValue, budget: Budget, depth: number): PlainValue | undefined {
  if (budget.nodes < 0 || depth > MAX_DEPTH) return undefined
  if (!isNode(value)) return value
  const scalar = numpyScalar(value)
  if (scalar !== undefined) return scalar
  const entries = mapping(value)
  if (entries) return convertEntries(entries, budget, depth)
  const items = elements(value) ?? asKind(value, 'set')?.items ?? setItems(value)
  if (items) return convertItems(items, budget, depth)
  const global = asKind(value, 'global')
  return global?.module === 'torch' && global.verdict === 'construct' ? globalName(global) : undefined
}

/** `set([..])` of protocols before 4. */
function setItems(value: PyNode): readonly PyValue[] | undefined {
  const object = asKind(value, 'object')
  const name = object && globalName(object.callee)
  return name === 'builtins.set' || name === 'builtins.frozenset'
    ? sequence(object!.args.items[0])
    : undefined
}

/** A container pays for all it holds before the first is looked at: to merge its entries was work already. */
function pays(budget: Budget, nodes: number): boolean {
  budget.nodes -= nodes
  return budget.nodes >= 0
}

function convertEntries(
  entries: ReadonlyMap<PyValue, PyValue>,
  budget: Budget,
  depth: number,
): PlainValue | undefined {
  if (!pays(budget, entries.size)) return undefined
  const plain: [string, PlainValue][] = []
  for (const [key, value] of entries) {
    const converted = isNode(key) ? undefined : convert(value, budget, depth + 1)
    if (converted === undefined) return undefined
    plain.push([keyText(key), converted])
  }
  return Object.fromEntries(plain)
}

function convertItems(items: readonly PyValue[], budget: Budget, depth: number): PlainValue | undefined {
  // a list is there already: one too long to keep leaves the file's budget to the other values
  if (!pays(budget, Math.min(items.length, MAX_NODES + 1))) return undefined
  const plain: PlainValue[] = []
  for (const item of items) {
    const converted = convert(item, budget, depth + 1)
    if (converted === undefined) return undefined
    plain.push(converted)
  }
  return plain
}

const PRIMITIVES: Record<string, string> = { string: 'str', boolean: 'bool', number: 'number', bigint: 'int' }

/** What a value is, for people: `dict`, `tensor`, `pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint`. */
export function typeName(value: PyValue): string {
  if (value === null) return 'None'
  if (value instanceof Uint8Array) return 'bytes'
  if (!isNode(value)) return PRIMITIVES[typeof value]!
  if (value.kind === 'persistent') return 'storage'
  if (value.kind === 'global') return globalName(value)
  if (value.kind !== 'object') return value.kind
  const name = globalName(value.callee)
  return name.startsWith('torch._utils._rebuild_') ? 'tensor' : name
}

/**
 * Gives the keys of the storages reachable from a value that are not in `used`, and adds them. One finder for all
 * values of a file: what two of them share belongs to the first.
 */
export function storageFinder(used: Set<string>): (value: PyValue) => string[] {
  const seen = new Set<PyNode>()
  return (value) => {
    const found: string[] = []
    const open: PyValue[] = [value]
    while (open.length > 0) {
      const next = open.pop()!
      if (!isNode(next) || seen.has(next)) continue
      seen.add(next)
      const key = storageKey(next)
      if (key !== undefined && !used.has(key)) {
        used.add(key)
        found.push(key)
      }
      for (const child of childrenOf(next)) open.push(child)
    }
    return found
  }
}

function storageKey(node: PyNode): string | undefined {
  const key = node.kind === 'persistent' ? sequence(node.id)?.[2] : undefined
  return typeof key === 'string' ? key : undefined
}

/** Values directly inside a node. */
export function childrenOf(node: PyNode): Iterable<PyValue> {
  switch (node.kind) {
    case 'global':
    case 'persistent':
      return []
    case 'dict':
      return valuesOfPairs(node.entries)
    case 'object':
      return childrenOfObject(node)
    default:
      return node.items
  }
}

function* childrenOfObject({ args, state, items, entries }: PyObject): Iterable<PyValue> {
  yield* args.items
  yield state ?? null
  yield* items ?? []
  yield* valuesOfPairs(entries ?? [])
}

function* valuesOfPairs(entries: Iterable<readonly [PyValue, PyValue]>): Iterable<PyValue> {
  for (const pair of entries) yield* pair
}
