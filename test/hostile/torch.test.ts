import { describe, expect, it } from 'vitest'
import * as asm from '../../fixtures/pickle-assembler.ts'
import { memorySource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { codeOf } from './outcome.ts'
import { zipOf } from './zip-builder.ts'

interface Attack {
  readonly storage?: Uint8Array
  readonly key?: Uint8Array
  readonly numel?: Uint8Array
  readonly offset?: Uint8Array
  readonly shape?: readonly Uint8Array[]
  readonly strides?: readonly Uint8Array[]
  readonly rebuild?: Uint8Array
}

function tuple(items: readonly Uint8Array[]): Buffer {
  return asm.pickle(asm.MARK, ...items, asm.TUPLE)
}

/** `{'w': _rebuild_tensor_v2(FloatStorage '0' of 4 elements, 0, (2, 2), (2, 1), False, OrderedDict())}`, with changes. */
function tensor(attack: Attack): Buffer {
  const pid = tuple([
    asm.unicode('storage'),
    attack.storage ?? asm.global('torch', 'FloatStorage'),
    attack.key ?? asm.unicode('0'),
    asm.unicode('cpu'),
    attack.numel ?? asm.integer(4),
  ])
  return asm.pickle(
    attack.rebuild ?? asm.global('torch._utils', '_rebuild_tensor_v2'),
    asm.MARK,
    pid,
    asm.BINPERSID,
    attack.offset ?? asm.integer(0),
    tuple(attack.shape ?? [asm.integer(2), asm.integer(2)]),
    tuple(attack.strides ?? [asm.integer(2), asm.integer(1)]),
    asm.FALSE,
    asm.EMPTY_TUPLE,
    asm.TUPLE,
    asm.REDUCE,
  )
}

function archive(...entries: readonly Uint8Array[]): Buffer {
  const pairs = entries.flatMap((entry, i) => [asm.unicode(`w${i}`), entry])
  const pickle = asm.pickle(asm.proto(2), asm.EMPTY_DICT, asm.MARK, ...pairs, asm.SETITEMS, asm.STOP)
  return zipOf([
    { name: 'm/data.pkl', data: pickle },
    { name: 'm/data/0', data: new Uint8Array(16) },
  ])
}

const n = asm.integer

describe('tensors that cannot be', () => {
  it('the tensor without changes opens', async () => {
    expect(await codeOf(archive(tensor({})))).toBeUndefined()
  })

  it.each<[string, string, Attack]>([
    ['TORCH_TENSOR', 'an offset behind the storage', { offset: n(1) }],
    ['TORCH_TENSOR', 'a negative offset', { offset: n(-1) }],
    ['TORCH_TENSOR', 'an offset of 2^64', { offset: n(2n ** 64n) }],
    ['TORCH_TENSOR', 'a negative size', { shape: [n(-2), n(2)] }],
    ['TORCH_TENSOR', 'a size that is a text', { shape: [asm.unicode('2'), n(2)] }],
    ['TORCH_TENSOR', 'a size of 1.5', { shape: [asm.float(1.5), n(2)] }],
    [
      'TORCH_TENSOR',
      'sizes whose product overflows',
      { shape: [n(2 ** 40), n(2 ** 40)], strides: [n(0), n(0)] },
    ],
    ['TORCH_TENSOR', 'a negative stride', { strides: [n(-2), n(1)] }],
    ['TORCH_TENSOR', 'strides that reach out', { strides: [n(3), n(1)] }],
    ['TORCH_TENSOR', 'strides of 2^52', { strides: [n(2 ** 52), n(1)] }],
    ['TORCH_TENSOR', 'fewer strides than sizes', { strides: [n(1)] }],
    [
      'TORCH_TENSOR',
      'a hundred dimensions',
      { shape: Array(100).fill(n(1)), strides: Array(100).fill(n(1)) },
    ],
    ['TORCH_EXPANSION', 'sixteen bytes expanded to terabytes', { shape: [n(2 ** 40)], strides: [n(0)] }],
    ['TORCH_STORAGE', 'a storage of no class', { storage: asm.NONE }],
    ['TORCH_STORAGE', 'a quantised storage', { storage: asm.global('torch', 'QInt8Storage') }],
    ['TORCH_STORAGE', 'a class that is no storage', { storage: asm.global('torch', 'Size') }],
    ['TORCH_STORAGE', 'a key that is a number', { key: n(0) }],
    ['TORCH_STORAGE', 'a negative element count', { numel: n(-4) }],
    ['TORCH_STORAGE', 'an element count whose bytes overflow', { numel: n(2n ** 53n - 1n) }],
    ['TORCH_STORAGE_SIZE', 'more elements than the member has', { numel: n(5) }],
    ['TORCH_STORAGE_MISSING', 'a key that climbs out', { key: asm.unicode('../version') }],
    ['TORCH_STORAGE_MISSING', 'a key of an object prototype', { key: asm.unicode('__proto__') }],
    [
      'TORCH_UNSUPPORTED',
      'a sparse tensor',
      { rebuild: asm.global('torch._utils', '_rebuild_sparse_tensor') },
    ],
  ])('%s: %s', async (code, _, attack) => {
    expect(await codeOf(archive(tensor(attack)))).toBe(code)
  })

  it('an empty tensor may have any strides and offset', async () => {
    expect(
      await codeOf(archive(tensor({ shape: [n(0), n(5)], strides: [n(9), n(9)], offset: n(99) }))),
    ).toBeUndefined()
  })

  it('two keys that look the same are refused', async () => {
    const pickle = asm.pickle(
      asm.proto(2),
      asm.EMPTY_DICT,
      asm.MARK,
      asm.unicode('1'),
      tensor({}),
      n(1),
      tensor({}),
      asm.SETITEMS,
      asm.STOP,
    )
    const bytes = zipOf([
      { name: 'm/data.pkl', data: pickle },
      { name: 'm/data/0', data: new Uint8Array(16) },
    ])
    expect(await codeOf(bytes)).toBe('TORCH_DUPLICATE_NAME')
  })
})

/** An i64 element count and the bytes. */
function record(count: number, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigInt64LE(BigInt(count), 0)
  return Buffer.concat([head, bytes])
}

interface Legacy {
  readonly version?: Uint8Array
  readonly info?: Uint8Array
  readonly view?: Uint8Array
  readonly keys?: Uint8Array
  readonly records?: Uint8Array
}

/** The five pickles and one storage of four floats, as torch 1.5 laid them out. */
function legacy(parts: Legacy = {}): Buffer {
  const pid = tuple([
    asm.unicode('storage'),
    asm.global('torch', 'FloatStorage'),
    asm.unicode('94'),
    asm.unicode('cpu'),
    n(4),
    parts.view ?? asm.NONE,
  ])
  const object = asm.pickle(
    asm.EMPTY_DICT,
    asm.unicode('w'),
    asm.global('torch._utils', '_rebuild_tensor'),
    asm.MARK,
    pid,
    asm.BINPERSID,
    n(0),
    tuple([n(2)]),
    tuple([n(1)]),
    asm.TUPLE,
    asm.REDUCE,
    asm.SETITEM,
  )
  const pickles = [
    asm.long1(Buffer.from('6cfc9c46f9206aa85019', 'hex')),
    parts.version ?? n(1001),
    parts.info ?? asm.pickle(asm.EMPTY_DICT, asm.unicode('little_endian'), asm.TRUE, asm.SETITEM),
    object,
    parts.keys ?? asm.pickle(asm.EMPTY_LIST, asm.unicode('94'), asm.APPEND),
  ]
  return Buffer.concat([
    ...pickles.map((body) => asm.pickle(asm.proto(2), body, asm.STOP)),
    parts.records ?? record(4, Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)),
  ])
}

describe('legacy streams', () => {
  const view = (start: number, count: number) => tuple([asm.unicode('95'), n(start), n(count)])

  it('a view of a storage starts where its metadata says', async () => {
    const source = memorySource('m.pth', legacy({ view: view(1, 3) }))
    const tensorSource = (await openModel(source)).tensors.get('w')!.source
    if (tensorSource.kind !== 'stored') throw new Error(tensorSource.kind)
    const bytes = Buffer.from(await source.read(tensorSource.offset, tensorSource.nbytes))
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.byteLength]).toEqual([2, 3, 8])
  })

  it('big-endian values are marked', async () => {
    const info = asm.pickle(asm.EMPTY_DICT, asm.unicode('little_endian'), asm.FALSE, asm.SETITEM)
    const model = await openModel(memorySource('m.pth', legacy({ info })))
    expect(model.tensors.get('w')!.source).toMatchObject({ bigEndian: true })
  })

  it('bytes behind the last storage are a finding', async () => {
    const model = await openModel(memorySource('m.pth', Buffer.concat([legacy(), Buffer.alloc(5)])))
    expect(model.findings).toMatchObject([{ code: 'trailing-bytes', bytes: 5 }])
  })

  it.each<[string, string, Buffer]>([
    ['FILE_TRUNCATED', 'cut inside the storages', legacy().subarray(0, -1)],
    ['PICKLE_TRUNCATED', 'cut inside the pickles', legacy().subarray(0, 60)],
    ['TORCH_LEGACY', 'another version', legacy({ version: n(1002) })],
    [
      'TORCH_LEGACY',
      'a count that differs from the tensors',
      legacy({ records: record(3, Buffer.alloc(16)) }),
    ],
    ['TORCH_LEGACY', 'a negative count', legacy({ records: record(-4, Buffer.alloc(16)) })],
    [
      'TORCH_LEGACY',
      'a storage that no tensor uses',
      legacy({ keys: asm.pickle(asm.EMPTY_LIST, asm.unicode('95'), asm.APPEND) }),
    ],
    [
      'TORCH_LEGACY',
      'a storage named twice',
      legacy({
        keys: asm.pickle(asm.EMPTY_LIST, asm.unicode('94'), asm.APPEND, asm.unicode('94'), asm.APPEND),
      }),
    ],
    ['TORCH_LEGACY', 'no list of storages', legacy({ keys: asm.NONE })],
    ['TORCH_STORAGE_MISSING', 'an empty list of storages', legacy({ keys: asm.EMPTY_LIST })],
    ['TORCH_STORAGE', 'a view that leaves its storage', legacy({ view: view(2, 3) })],
    ['TORCH_TENSOR', 'a tensor that leaves its view', legacy({ view: view(3, 1) })],
    ['PICKLE_UNSAFE', 'code in the system info', legacy({ info: asm.global('os', 'system') })],
    ['PICKLE_UNSAFE', 'code in the list of storages', legacy({ keys: asm.global('os', 'system') })],
  ])('%s: %s', async (code, _, bytes) => {
    expect(await codeOf(bytes)).toBe(code)
  })
})
