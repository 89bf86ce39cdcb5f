/**
 * The pickle machine, symbolically: it keeps the stack and the memo of `pickle.load`, but a call becomes a node that
 * holds the name and the arguments. It calls nothing, imports nothing, and has no way to.
 * Source: CPython `Lib/pickle.py`, class `_Unpickler`.
 */
import type { Pause } from '../../system/pause.ts'
import { messages } from './pickle-messages.ts'
import { newOpReader, nextOp, OP, type OpArg, type OpReader, opName, PickleFault } from './pickle-ops.ts'
import { verdictOf } from './pickle-policy.ts'
import {
  asKind,
  type PyGlobal,
  type PyObject,
  type PyTuple,
  type PyValue,
  sequence,
} from './pickle-values.ts'

/** SD 1.5 with EMA and optimizer takes about 400,000. The limit keeps one-byte opcodes from filling the memory. */
const MAX_OPCODES = 5_000_000
/** A list or dict takes one byte to ask for and a hundred to hold. SD 1.5 with optimizer has about 10,000. */
const MAX_CONTAINERS = 1_000_000
const MAX_MEMO = 4_000_000
/** A checkpoint names ten to two hundred. */
export const MAX_GLOBALS = 10_000
const MAX_PROTOCOL = 5

/** Every name of a file, in the order it was met; shared by the pickles of one file. */
export type GlobalTable = Map<string, PyGlobal>

function globalKey(module: string, name: string): string {
  return `${module}\n${name}`
}

/** The one object of this name. `offset` counts only if it is new. */
export function internGlobal(globals: GlobalTable, module: string, name: string, offset: number): PyGlobal {
  const key = globalKey(module, name)
  let found = globals.get(key)
  if (!found) {
    found = { kind: 'global', module, name, offset, verdict: verdictOf(module, name) }
    globals.set(key, found)
  }
  return found
}

interface Machine {
  readonly reader: OpReader
  readonly globals: GlobalTable
  /** Added to offsets in `globals`. */
  readonly base: number
  readonly stack: PyValue[]
  /** Stack heights at open MARKs. */
  readonly marks: number[]
  readonly memo: Map<number, PyValue>
  containers: number
  /** End of the current frame; opcodes must not straddle it. */
  frameEnd: number
}

function fault(m: Machine, detail: string, code = 'PICKLE_MALFORMED'): PickleFault {
  return new PickleFault(code, m.reader.opAt, `${opName(m.reader.code)}: ${detail}`)
}

function pop(m: Machine): PyValue {
  const floor = m.marks.at(-1) ?? 0
  if (m.stack.length <= floor) throw fault(m, messages.emptyStack)
  return m.stack.pop()!
}

function top(m: Machine): PyValue {
  const floor = m.marks.at(-1) ?? 0
  if (m.stack.length <= floor) throw fault(m, messages.emptyStack)
  return m.stack.at(-1)!
}

function popMark(m: Machine): PyValue[] {
  const mark = m.marks.pop()
  if (mark === undefined) throw fault(m, messages.noMark)
  return m.stack.splice(mark)
}

function container<T extends PyValue>(m: Machine, value: T): T {
  if (++m.containers > MAX_CONTAINERS)
    throw fault(m, messages.tooManyContainers(MAX_CONTAINERS), 'PICKLE_LIMIT')
  return value
}

function tuple(m: Machine, items: readonly PyValue[]): PyTuple {
  return container(m, { kind: 'tuple', items })
}

function popTuple(m: Machine, count: number): void {
  const items = new Array<PyValue>(count)
  for (let i = count - 1; i >= 0; i--) items[i] = pop(m)
  m.stack.push(tuple(m, items))
}

function pairsOf(m: Machine, flat: readonly PyValue[]): [PyValue, PyValue][] {
  if (flat.length % 2 !== 0) throw fault(m, messages.keyWithoutValue)
  const pairs: [PyValue, PyValue][] = []
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!])
  return pairs
}

function setItems(m: Machine, flat: readonly PyValue[]): void {
  const target = top(m)
  let entries = asKind(target, 'dict')?.entries
  const object = asKind(target, 'object')
  if (object) {
    object.entries ??= new Map()
    entries = object.entries
  }
  if (!entries) throw fault(m, messages.targetNotADict)
  for (const [key, value] of pairsOf(m, flat)) entries.set(key, value)
}

function appendItems(m: Machine, items: readonly PyValue[], kind: 'list' | 'set'): void {
  const target = top(m)
  let list = asKind(target, kind)?.items
  const object = asKind(target, 'object')
  if (object) {
    object.items ??= []
    list = object.items
  }
  if (!list) throw fault(m, messages.targetNotA(kind))
  for (const item of items) list.push(item)
}

/** Whatever was thought of a name, the way it is used here is an attack. */
function condemn(m: Machine, target: PyGlobal | undefined): void {
  if (target) m.globals.set(globalKey(target.module, target.name), { ...target, verdict: 'dangerous' })
}

/** torch before 1.6 sends classes of modules as `('module', class, source file, source)` through the persistent id. */
function moduleClass(callee: PyValue): PyGlobal | undefined {
  const [tag, type] = sequence(asKind(callee, 'persistent')?.id) ?? []
  return tag === 'module' ? asKind(type, 'global') : undefined
}

/** A call that is not made. Only a plain name may be called: a computed one hides what it is. */
function call(m: Machine, callee: PyValue, args: PyValue): PyObject {
  const target = asKind(callee, 'global') ?? moduleClass(callee)
  if (!target) {
    condemn(m, asKind(callee, 'object')?.callee)
    throw fault(m, messages.callsNonName)
  }
  const given = asKind(args, 'tuple')
  if (!given) throw fault(m, messages.argumentsNotATuple)
  return container(m, { kind: 'object', callee: target, args: given })
}

/** BUILD sets attributes. On a name it would change a class or module of the reading program. */
function build(m: Machine): void {
  const state = pop(m)
  const target = asKind(top(m), 'object')
  if (!target) {
    condemn(m, asKind(top(m), 'global'))
    throw fault(m, messages.stateOfNonObject)
  }
  target.state = state
}

function pushGlobal(m: Machine, module: PyValue, name: PyValue): void {
  if (typeof module !== 'string' || typeof name !== 'string') throw fault(m, messages.nameNotText)
  if (m.globals.size > MAX_GLOBALS) throw fault(m, messages.tooManyGlobals(MAX_GLOBALS + 1), 'PICKLE_LIMIT')
  m.stack.push(internGlobal(m.globals, module, name, m.base + m.reader.opAt))
}

/** Numbers of `copyreg.add_extension` mean whatever the reading program registered. */
function pushExtension(m: Machine, arg: OpArg): void {
  m.stack.push(internGlobal(m.globals, 'copyreg', `extension ${arg}`, m.base + m.reader.opAt))
}

function memoize(m: Machine, index: OpArg): void {
  if (typeof index !== 'number' || index < 0) throw fault(m, messages.badMemoIndex)
  if (m.memo.size >= MAX_MEMO) throw fault(m, messages.tooManyMemo(MAX_MEMO), 'PICKLE_LIMIT')
  m.memo.set(index, top(m))
}

function recall(m: Machine, index: OpArg): void {
  const value = m.memo.get(index as number)
  if (value === undefined) throw fault(m, messages.memoNeverWritten(index))
  m.stack.push(value)
}

function enterFrame(m: Machine, length: OpArg): void {
  const { reader } = m
  if (reader.opAt < m.frameEnd) throw fault(m, messages.frameInFrame)
  const end = reader.at + (length as number)
  if (end > reader.bytes.length) throw fault(m, messages.frameBeyondEnd(length), 'PICKLE_TRUNCATED')
  m.frameEnd = end
}

type Handler = (m: Machine, arg: OpArg) => void

const push: Handler = (m, arg) => {
  m.stack.push(arg as PyValue)
}

const persistent = (m: Machine, id: PyValue): void => {
  m.stack.push(container(m, { kind: 'persistent', id, offset: m.base + m.reader.opAt }))
}

const newObject: Handler = (m) => {
  const args = pop(m)
  m.stack.push(call(m, pop(m), args))
}

const HANDLERS: Partial<Record<keyof typeof OP, Handler>> = {
  PROTO: (m, arg) => {
    if ((arg as number) > MAX_PROTOCOL) throw fault(m, messages.unknownProtocol(arg, MAX_PROTOCOL))
  },
  FRAME: enterFrame,
  MARK: (m) => {
    m.marks.push(m.stack.length)
  },
  POP: (m) => {
    // As in Python: POP of an open MARK removes the mark.
    if (m.marks.at(-1) === m.stack.length) m.marks.pop()
    else pop(m)
  },
  POP_MARK: (m) => {
    popMark(m)
  },
  DUP: (m) => {
    m.stack.push(top(m))
  },
  NONE: (m) => {
    m.stack.push(null)
  },
  NEWTRUE: (m) => {
    m.stack.push(true)
  },
  NEWFALSE: (m) => {
    m.stack.push(false)
  },
  INT: push,
  BININT: push,
  BININT1: push,
  BININT2: push,
  LONG: push,
  LONG1: push,
  LONG4: push,
  FLOAT: push,
  BINFLOAT: push,
  STRING: push,
  BINSTRING: push,
  SHORT_BINSTRING: push,
  UNICODE: push,
  BINUNICODE: push,
  SHORT_BINUNICODE: push,
  BINUNICODE8: push,
  BINBYTES: push,
  SHORT_BINBYTES: push,
  BINBYTES8: push,
  BYTEARRAY8: push,
  EMPTY_TUPLE: (m) => {
    m.stack.push(tuple(m, []))
  },
  TUPLE: (m) => {
    m.stack.push(tuple(m, popMark(m)))
  },
  TUPLE1: (m) => popTuple(m, 1),
  TUPLE2: (m) => popTuple(m, 2),
  TUPLE3: (m) => popTuple(m, 3),
  EMPTY_LIST: (m) => {
    m.stack.push(container(m, { kind: 'list', items: [] }))
  },
  LIST: (m) => {
    m.stack.push(container(m, { kind: 'list', items: popMark(m) }))
  },
  EMPTY_DICT: (m) => {
    m.stack.push(container(m, { kind: 'dict', entries: new Map() }))
  },
  DICT: (m) => {
    m.stack.push(container(m, { kind: 'dict', entries: new Map(pairsOf(m, popMark(m))) }))
  },
  EMPTY_SET: (m) => {
    m.stack.push(container(m, { kind: 'set', items: [] }))
  },
  FROZENSET: (m) => {
    m.stack.push(container(m, { kind: 'set', items: popMark(m) }))
  },
  APPEND: (m) => {
    const item = pop(m)
    appendItems(m, [item], 'list')
  },
  APPENDS: (m) => {
    const items = popMark(m)
    appendItems(m, items, 'list')
  },
  ADDITEMS: (m) => {
    const items = popMark(m)
    appendItems(m, items, 'set')
  },
  SETITEM: (m) => {
    const value = pop(m)
    const key = pop(m)
    setItems(m, [key, value])
  },
  SETITEMS: (m) => {
    const flat = popMark(m)
    setItems(m, flat)
  },
  PUT: memoize,
  BINPUT: memoize,
  LONG_BINPUT: memoize,
  MEMOIZE: (m) => memoize(m, m.memo.size),
  GET: recall,
  BINGET: recall,
  LONG_BINGET: recall,
  GLOBAL: (m, arg) => {
    const [module, name] = arg as readonly [string, string]
    pushGlobal(m, module, name)
  },
  STACK_GLOBAL: (m) => {
    const name = pop(m)
    pushGlobal(m, pop(m), name)
  },
  EXT1: pushExtension,
  EXT2: pushExtension,
  EXT4: pushExtension,
  REDUCE: newObject,
  NEWOBJ: newObject,
  NEWOBJ_EX: (m) => {
    const named = pop(m)
    const args = pop(m)
    const object = call(m, pop(m), args)
    object.state = named
    m.stack.push(object)
  },
  INST: (m, arg) => {
    const args = tuple(m, popMark(m))
    const [module, name] = arg as readonly [string, string]
    pushGlobal(m, module, name)
    m.stack.push(call(m, pop(m), args))
  },
  OBJ: (m) => {
    const [callee, ...args] = popMark(m)
    m.stack.push(call(m, callee ?? null, tuple(m, args)))
  },
  BUILD: build,
  PERSID: persistent as Handler,
  BINPERSID: (m) => persistent(m, pop(m)),
  // Buffers that the pickle's writer passed beside it: a file has no such place.
  NEXT_BUFFER: (m) => {
    throw fault(m, messages.outsideBuffer)
  },
  READONLY_BUFFER: () => {},
}

const BY_CODE: (Handler | undefined)[] = new Array(256).fill(undefined)
for (const [name, handler] of Object.entries(HANDLERS)) BY_CODE[OP[name as keyof typeof OP]] = handler

export interface PickleResult {
  readonly value: PyValue
  /** Byte behind STOP. */
  readonly end: number
}

export interface PickleRun {
  /** Added to offsets in `globals`. */
  readonly base?: number
  readonly pause?: Pause
}

/** A few milliseconds of work. */
const OPCODES_PER_PIECE = 16_384

/**
 * Runs one pickle from byte `at` of `bytes` and returns what it describes. Names it meets go to `globals` with their
 * verdicts, also if it throws; deciding about them is left to `security.ts`.
 * @throws PickleFault PICKLE_TRUNCATED, PICKLE_MALFORMED, PICKLE_LIMIT (exit 3)
 */
export async function runPickle(
  bytes: Uint8Array,
  at: number,
  globals: GlobalTable,
  { base = 0, pause }: PickleRun = {},
): Promise<PickleResult> {
  const m: Machine = {
    reader: newOpReader(bytes, at),
    globals,
    base,
    stack: [],
    marks: [],
    memo: new Map(),
    containers: 0,
    frameEnd: 0,
  }
  for (let ops = 0; ; ops++) {
    if (ops % OPCODES_PER_PIECE === 0) await pause?.()
    const code = nextOp(m.reader)
    if (ops >= MAX_OPCODES) throw fault(m, messages.tooManyOpcodes(MAX_OPCODES + 1), 'PICKLE_LIMIT')
    if (m.reader.opAt < m.frameEnd && m.reader.at > m.frameEnd) throw fault(m, messages.beyondFrame)
    if (code === OP.STOP) return finish(m)
    BY_CODE[code]!(m, m.reader.arg)
  }
}

function finish(m: Machine): PickleResult {
  if (m.marks.length > 0) throw fault(m, messages.unusedMark)
  return { value: pop(m), end: m.reader.at }
}
