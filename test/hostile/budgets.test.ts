/** Files of some kilobytes that would take gigabytes or minutes: each is refused by a count, never by a clock. */
import { describe, expect, it } from 'vitest'
import { numpyArray } from '../../fixtures/numpy-pickle.ts'
import * as asm from '../../fixtures/pickle-assembler.ts'
import { memorySource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { codeOf } from './outcome.ts'

function safetensors(header: string): Uint8Array {
  const json = Buffer.from(header)
  const bytes = Buffer.alloc(8 + json.byteLength)
  bytes.writeBigUInt64LE(BigInt(json.byteLength), 0)
  bytes.set(json, 8)
  return bytes
}

const EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'

function emptyTensors(count: number, name: (i: number) => string): Uint8Array {
  return safetensors(`{${Array.from({ length: count }, (_, i) => `"${name(i)}":${EMPTY}`).join()}}`)
}

/** `numpy.zeros(1, 'u1')` */
const ARRAY = numpyArray('u1', [1], asm.binBytes(Buffer.of(0)))

function repeated(count: number, piece: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => piece))
}

/** Each dict holds the one before under the same key; `leaves` names of one tensor in the innermost. */
function sharedKey(depth: number, keyLength: number, leaves: number): Buffer {
  const names = Array.from({ length: leaves }, (_, i) => asm.pickle(asm.unicode(`w${i}`), asm.get(1)))
  const around = asm.pickle(asm.put(2), asm.POP, asm.EMPTY_DICT, asm.get(0), asm.get(2), asm.SETITEM)
  return asm.pickle(
    asm.proto(4),
    asm.unicode('k'.repeat(keyLength)),
    asm.put(0),
    asm.POP,
    ARRAY,
    asm.put(1),
    asm.POP,
    asm.EMPTY_DICT,
    asm.MARK,
    ...names,
    asm.SETITEMS,
    repeated(depth, around),
    asm.STOP,
  )
}

/** Parameters of parameters, and each link under a name of its own: walked from every link, it is quadratic. */
function parameterChain(length: number): Buffer {
  const link = (i: number) =>
    asm.pickle(
      asm.unicode(`k${i}`),
      asm.global('torch._utils', '_rebuild_parameter'),
      asm.get(i),
      asm.tuple1,
      asm.REDUCE,
      asm.put(i + 1),
    )
  const links = Array.from({ length }, (_, i) => link(i))
  const first = asm.pickle(ARRAY, asm.put(0), asm.POP)
  return asm.pickle(asm.proto(4), first, asm.EMPTY_DICT, asm.MARK, ...links, asm.SETITEMS, asm.STOP)
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** Version 3, so many tensors of shape [0], no metadata. */
function gguf(names: readonly string[]): Buffer {
  const infos = names.map((name) =>
    Buffer.concat([
      u64(Buffer.byteLength(name)),
      Buffer.from(name),
      Buffer.from('01000000', 'hex'), // one dimension
      u64(0),
      Buffer.from('00000000', 'hex'), // F32
      u64(0),
    ]),
  )
  return Buffer.concat([Buffer.from('GGUF\x03\0\0\0'), u64(names.length), u64(0), ...infos, Buffer.alloc(32)])
}

function numbered(count: number, length: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`.padStart(length, 'n'))
}

const TOO_LONG = 'n'.repeat(2_001)

/** What it is, the code of its refusal, the file. Without the counts the first ones take minutes or gigabytes. */
const BOMBS: readonly [string, string, () => Uint8Array][] = [
  ['a chain of parameters under a name each', 'PICKLE_LIMIT', () => parameterChain(30_000)],
  ['a long key shared by nested dicts', 'TABLE_LIMIT', () => sharedKey(900, 10_000, 2_000)],
  ['short keys whose paths add up', 'TABLE_LIMIT', () => sharedKey(15, 100, 20_000)],
  ['a pickle with a long name', 'TABLE_LIMIT', () => sharedKey(1, 2_000, 1)],
  ['a header of a million empty tensors', 'TABLE_LIMIT', () => emptyTensors(1_000_000, (i) => `t${i}`)],
  ['tensors just beyond the limit', 'TABLE_LIMIT', () => emptyTensors(200_001, (i) => `t${i}`)],
  ['a header with a long name', 'TABLE_LIMIT', () => emptyTensors(1, () => TOO_LONG)],
  [
    'names of a header that add up',
    'TABLE_LIMIT',
    () => emptyTensors(9_000, (i) => `${i}`.padStart(2_000, 'n')),
  ],
  [
    'a million entries of metadata',
    'TABLE_LIMIT',
    () => safetensors(`{"__metadata__":{${numbered(1_000_000, 7).map((key) => `"${key}":""`)}}}`),
  ],
  [
    'a shape of a million dimensions',
    'TABLE_LIMIT',
    () => safetensors(`{"a":{"dtype":"F32","shape":[0${',1'.repeat(1e6)}],"data_offsets":[0,0]}}`),
  ],
  ['GGUF with too many tensors', 'GGUF_LIMIT', () => gguf(numbered(200_001, 6))],
  ['GGUF with a long name', 'TABLE_LIMIT', () => gguf([TOO_LONG])],
  ['GGUF whose names add up', 'TABLE_LIMIT', () => gguf(numbered(9_000, 2_000))],
]

describe('files that are small and would be endless work', () => {
  it.each(BOMBS)('%s: %s', async (_, code, bytes) => {
    expect(await codeOf(bytes())).toBe(code)
  })
})

/** Nothing is wrong with these. */
const SOUND: readonly [string, () => Uint8Array][] = [
  ['pickle', () => sharedKey(1, 10, 10)],
  [
    'a pickle of a million opcodes',
    () => asm.pickle(asm.proto(4), repeated(5e5, asm.pickle(asm.TRUE, asm.POP)), ARRAY, asm.STOP),
  ],
  ['safetensors', () => emptyTensors(10, (i) => `t${i}`)],
  ['safetensors of very many tensors', () => emptyTensors(50_000, (i) => `t${i}`)],
  ['GGUF', () => gguf(numbered(10, 5))],
]

describe('parsing that is to end', () => {
  it.each(SOUND)('%s: opens, and stops where its source is interrupted', async (_, bytes) => {
    const source = memorySource('model', bytes())
    expect((await openModel(source)).tensors.size).toBeGreaterThan(0)
    const stop = new Error('Ctrl-C')
    const interrupted = { ...source, pause: () => Promise.reject(stop) }
    await expect(openModel(interrupted)).rejects.toBe(stop)
  })
})
