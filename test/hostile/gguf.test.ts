import { describe, expect, it } from 'vitest'
import { memorySource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { codeOf } from './outcome.ts'

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value, 0)
  return bytes
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value), 0)
  return bytes
}

function text(value: string, length: number | bigint = Buffer.byteLength(value)): Buffer {
  return Buffer.concat([u64(length), Buffer.from(value)])
}

function pair(key: string, type: number, value: Uint8Array): Buffer {
  return Buffer.concat([text(key), u32(type), value])
}

function info(
  name: string,
  dims: readonly (number | bigint)[],
  type: number,
  offset: number | bigint,
): Buffer {
  return Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)])
}

interface Parts {
  readonly version?: number
  readonly tensors?: readonly Buffer[]
  readonly tensorCount?: number | bigint
  readonly pairs?: readonly Buffer[]
  readonly data?: number
}

/** By docs/gguf.md of ggml: magic, version, counts, metadata, infos, padding to 32, data. */
function gguf({
  version = 3,
  tensors = [info('w', [3, 2], 0, 0)],
  pairs = [],
  tensorCount,
  data = 64,
}: Parts = {}): Buffer {
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensorCount ?? tensors.length),
    u64(pairs.length),
    ...pairs,
    ...tensors,
  ])
  return Buffer.concat([head, Buffer.alloc((32 - (head.byteLength % 32)) % 32), Buffer.alloc(data, 1)])
}

describe('GGUF files that open', () => {
  it('gives shapes slowest first, aligned places, and metadata as text', async () => {
    const vocabulary = Buffer.concat([
      u32(8),
      u64(20),
      ...Array.from({ length: 20 }, (_, i) => text(`t${i}`)),
    ])
    const numbers = Buffer.concat([u32(4), u64(3), u32(1), u32(2), u32(3)])
    const bytes = gguf({
      pairs: [
        pair('general.architecture', 8, text('sdxl')),
        pair('general.alignment', 4, u32(32)),
        pair('flag', 7, Buffer.of(1)),
        pair('big', 10, u64(2n ** 60n)),
        pair('tokens', 9, vocabulary),
        pair('numbers', 9, numbers),
      ],
      tensors: [info('w', [3, 2], 0, 0), info('q', [32, 2], 2, 32)],
      data: 32 + 36,
    })
    const model = await openModel(memorySource('m.gguf', bytes))
    expect(model.metadata).toMatchObject({
      'general.architecture': 'sdxl',
      flag: 'true',
      big: '1152921504606846976',
      numbers: '[1, 2, 3]',
    })
    expect(model.metadata.tokens).toMatch(/^\["t0", .*"t15", \.\.\. 20 elements\]$/)
    const start = bytes.byteLength - 68
    expect([...model.tensors.values()]).toMatchObject([
      { name: 'w', dtype: 'F32', shape: [2, 3], source: { offset: start, nbytes: 24 } },
      // Q4_0: 64 elements are 2 blocks of 18 bytes
      { name: 'q', dtype: 'Q4_0', shape: [2, 32], source: { offset: start + 32, nbytes: 36 } },
    ])
  })

  it('reads a header longer than its first piece', async () => {
    const bytes = gguf({ pairs: [pair('long', 8, text('x'.repeat(1_000_000)))] })
    const model = await openModel(memorySource('m.gguf', bytes))
    expect(model.metadata.long).toHaveLength(1_000_000)
    expect(model.tensors.size).toBe(1)
  })
})

const SHAPE_OF = 'comfy.gguf.orig_shape.'

function i32Array(values: readonly number[]): Buffer {
  const numbers = values.map((value) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value, 0)
    return bytes
  })
  return Buffer.concat([u32(5), u64(values.length), ...numbers])
}

/** 2 rows of 256 values F16, of which a metadata key says another shape. */
function reshaped(shape: Buffer, type = 9): Buffer {
  return gguf({
    pairs: [pair(`${SHAPE_OF}w`, type, shape)],
    tensors: [info('w', [256, 2], 1, 0)],
    data: 1024,
  })
}

describe('shapes that ComfyUI-GGUF puts aside', () => {
  it.each<[string, readonly number[]]>([
    ['a convolution', [8, 16, 2, 2]],
    ['a convolution of a video', [2, 16, 2, 4, 2]],
    ['a vector', [512]],
    ['a linear layer', [4, 128]],
    ['a table with ones', [1, 512, 1, 1]],
  ])('%s', async (_, shape) => {
    const { tensors, metadata } = await openModel(memorySource('m.gguf', reshaped(i32Array(shape))))
    expect(tensors.get('w')).toMatchObject({ dtype: 'F16', shape, source: { nbytes: 1024 } })
    expect(metadata).toEqual({})
  })

  it('count for blocks, too, whose rows they would cut', async () => {
    const bytes = gguf({
      pairs: [pair(`${SHAPE_OF}w`, 9, i32Array([32, 4, 4]))],
      tensors: [info('w', [256, 2], 8, 0)],
      data: 544,
    })
    const { tensors } = await openModel(memorySource('m.gguf', bytes))
    expect(tensors.get('w')).toMatchObject({ dtype: 'Q8_0', shape: [32, 4, 4], source: { nbytes: 544 } })
  })

  it('of a tensor that is not there change nothing', async () => {
    const bytes = gguf({ pairs: [pair(`${SHAPE_OF}gone`, 9, i32Array([7]))] })
    const { tensors } = await openModel(memorySource('m.gguf', bytes))
    expect(tensors.get('w')?.shape).toEqual([2, 3])
  })

  it.each<[string, string, Buffer]>([
    ['GGUF_SHAPE', 'more values than the tensor has', reshaped(i32Array([8, 16, 2, 3]))],
    ['GGUF_SHAPE', 'fewer values', reshaped(i32Array([511]))],
    ['GGUF_SHAPE', 'negative sizes whose product fits', reshaped(i32Array([-2, -256]))],
    ['GGUF_SHAPE', 'a size of 0', reshaped(i32Array([512, 0]))],
    ['GGUF_SHAPE', 'no sizes', reshaped(i32Array([]))],
    ['GGUF_SHAPE', 'nine dimensions', reshaped(i32Array([512, 1, 1, 1, 1, 1, 1, 1, 1]))],
    ['GGUF_SHAPE', 'a product beyond 2^53', reshaped(i32Array([2 ** 30, 2 ** 30, 2 ** 30]))],
    ['GGUF_METADATA', '64-bit sizes', reshaped(Buffer.concat([u32(11), u64(1), u64(512)]))],
    ['GGUF_METADATA', 'a number in place of an array', reshaped(u32(512), 5)],
    ['GGUF_METADATA', 'a text', reshaped(text('[512]'), 8)],
    ['GGUF_SHAPE', 'a length beyond the file', reshaped(Buffer.concat([u32(5), u64(2n ** 40n)]))],
    [
      'GGUF_DUPLICATE',
      'two shapes of one tensor',
      gguf({
        pairs: [pair(`${SHAPE_OF}w`, 9, i32Array([6])), pair(`${SHAPE_OF}w`, 9, i32Array([3, 2]))],
      }),
    ],
  ])('%s: %s', async (code, _, bytes) => {
    expect(await codeOf(bytes)).toBe(code)
  })
})

describe('GGUF files that are refused', () => {
  it.each<[string, string, Buffer]>([
    ['GGUF_VERSION', 'version 1', gguf({ version: 1 })],
    ['GGUF_VERSION', 'version 4', gguf({ version: 4 })],
    ['GGUF_VERSION', 'big-endian', gguf({ version: 0x03000000 })],
    ['FILE_TRUNCATED', 'cut inside the header', gguf().subarray(0, 30)],
    ['FILE_TRUNCATED', 'cut inside the data', gguf({ data: 23 })],
    ['FILE_TRUNCATED', 'more tensors than it has', gguf({ tensorCount: 100_000, tensors: [], data: 0 })],
    ['GGUF_LIMIT', 'a billion tensors', gguf({ tensorCount: 1_000_000_000 })],
    ['GGUF_SIZE', '2^63 tensors', gguf({ tensorCount: 2n ** 63n })],
    ['GGUF_SIZE', 'a key longer than the file', gguf({ pairs: [text('k', 1_000_000)] })],
    [
      'GGUF_SIZE',
      'an array longer than the file',
      gguf({ pairs: [pair('k', 9, Buffer.concat([u32(0), u64(1_000_000)]))] }),
    ],
    ['GGUF_METADATA', 'an unknown value type', gguf({ pairs: [pair('k', 13, u32(0))] })],
    [
      'GGUF_METADATA',
      'arrays in arrays in arrays',
      gguf({
        pairs: [
          pair('k', 9, Buffer.concat(Array.from({ length: 9 }, () => Buffer.concat([u32(9), u64(1)])))),
        ],
      }),
    ],
    [
      'GGUF_DUPLICATE',
      'a key twice',
      gguf({ pairs: [pair('k', 7, Buffer.of(1)), pair('k', 7, Buffer.of(0))] }),
    ],
    ['GGUF_DUPLICATE', 'a tensor twice', gguf({ tensors: [info('w', [2], 0, 0), info('w', [2], 0, 32)] })],
    [
      'GGUF_OVERLAP',
      'two tensors at one place',
      gguf({ tensors: [info('a', [4], 0, 0), info('b', [4], 0, 8)] }),
    ],
    ['GGUF_TYPE', 'a type ggml removed', gguf({ tensors: [info('w', [32], 4, 0)] })],
    ['GGUF_SHAPE', 'six dimensions', gguf({ tensors: [info('w', [1, 1, 1, 1, 1, 1], 0, 0)] })],
    ['GGUF_SHAPE', 'a size that overflows', gguf({ tensors: [info('w', [2 ** 40, 2 ** 40], 0, 0)] })],
    ['GGUF_SHAPE', 'blocks across rows', gguf({ tensors: [info('w', [16, 2], 2, 0)] })],
    ['GGUF_ALIGNMENT', 'an alignment of 0', gguf({ pairs: [pair('general.alignment', 4, u32(0))] })],
    ['FILE_TRUNCATED', 'an offset behind the end', gguf({ tensors: [info('w', [2], 0, 2 ** 40)] })],
  ])('%s: %s', async (code, _, bytes) => {
    expect(await codeOf(bytes)).toBe(code)
  })
})
