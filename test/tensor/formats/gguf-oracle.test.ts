/** @huggingface/gguf reads headers of GGUF files as our reader does. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  GGMLQuantizationType,
  type GGUFTypedMetadata,
  GGUFValueType,
  gguf,
  type MetadataValue,
  serializeGgufMetadata,
} from '@huggingface/gguf'
import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/system/bytes.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { ggufFormat } from '../../../src/tensor/formats/gguf.ts'
import { byteLength, type DType } from '../../../src/tensor/values/dtype.ts'
import { ggufOfOneTensor, writeGguf } from '../../gguf-writer.ts'
import { fc } from '../../properties.ts'
import { bytesTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

interface Header {
  readonly tensors: ReadonlyMap<string, { dtype: string; shape: readonly number[]; place: number }>
  readonly metadata: ReadonlyMap<string, string>
}

/** @throws what our reader refuses */
async function ownHeader(file: Uint8Array): Promise<Header> {
  const { tensors, metadata } = await ggufFormat.open(memorySource('x.gguf', file))
  const places = [...tensors].map(([name, { dtype, shape, source }]) => {
    if (source.kind !== 'stored') throw new TypeError(`${name} is not stored`)
    return [name, { dtype, shape, place: source.offset }] as const
  })
  return { tensors: new Map(places), metadata: new Map(Object.entries(metadata)) }
}

const SHAPE_KEY = 'comfy.gguf.orig_shape.'
/** What the package puts among the metadata. */
const COUNTS = new Set(['version', 'tensor_count', 'kv_count'])

async function theirHeader(file: Uint8Array): Promise<Header> {
  const path = join(tempFolder(), 'x.gguf')
  writeFileSync(path, file)
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true })
  const values = new Map<string, MetadataValue>(Object.entries(metadata).filter(([key]) => !COUNTS.has(key)))
  const tensors = tensorInfos.map(({ name, dtype, shape, offset }) => {
    // fastest first, but for the shapes that ComfyUI-GGUF puts aside
    const aside = values.get(SHAPE_KEY + name) as number[] | undefined
    return [
      name,
      {
        dtype: GGMLQuantizationType[dtype]!,
        shape: aside ?? shape.map(Number).reverse(),
        place: Number(tensorDataOffset + offset),
      },
    ] as const
  })
  const shown = [...values]
    .filter(([key]) => !key.startsWith(SHAPE_KEY))
    .map(([key, value]) => [key, textOf(value)] as const)
  return { tensors: new Map(tensors), metadata: new Map(shown) }
}

/** As sdtool shows metadata: of an array the first 16 elements. */
function textOf(value: MetadataValue): string {
  if (!Array.isArray(value)) return String(value)
  const elements = value.map((element) =>
    typeof element === 'string' ? JSON.stringify(element) : textOf(element),
  )
  const rest = elements.length > 16 ? [`... ${elements.length} elements`] : []
  return `[${[...elements.slice(0, 16), ...rest].join(', ')}]`
}

async function expectSame(file: Uint8Array): Promise<void> {
  expect(await ownHeader(file)).toEqual(await theirHeader(file))
}

/** Types of ggml that the package knows and sdtool does not. */
const NEWER = ['NVFP4', 'Q1_0', 'Q2_0']

describe('types of ggml', () => {
  const types = Object.entries(GGMLQuantizationType).filter(
    (entry): entry is [string, GGMLQuantizationType] => typeof entry[1] === 'number',
  )

  it.each(types.filter(([name]) => !NEWER.includes(name)))('%s', (_, type) =>
    expectSame(ggufOfOneTensor(type)),
  )

  it.each(types.filter(([name]) => NEWER.includes(name)))('%s: ours refuses it', async (_, type) => {
    await expect(ownHeader(ggufOfOneTensor(type))).rejects.toMatchObject({ code: 'GGUF_TYPE', exitCode: 3 })
  })
})

describe('alignments', () => {
  it.each([1, 8, 32, 64, 4096])('%i', (alignment) => expectSame(ggufOfOneTensor(0, alignment)))
})

describe('files as ComfyUI-GGUF writes them', () => {
  it.each<DType>(['F32', 'F16', 'BF16', 'Q8_0', 'I8', 'I32', 'I64'])('%s', async (dtype) => {
    const tensors = [[32], [64, 32], [4, 8, 3, 3], [2, 16, 1, 9]].map((shape, i) =>
      bytesTensor(`model.${i}.weight`, dtype, shape, new Uint8Array(byteLength(dtype, shape)!).fill(i)),
    )
    const path = join(tempFolder(), 'x.gguf')
    writeGguf(path, tableOf(tensors))
    await expectSame(readFileSync(path))
  })
})

/** Made by fixtures/goldens/gguf_headers.py. */
const golden: { cases: { name: string; file: string }[] } = JSON.parse(
  readFileSync(new URL('../../../fixtures/goldens/gguf-headers.json', import.meta.url), 'utf8'),
)

const files = await Promise.all(
  golden.cases.map(async ({ name, file }) => {
    const bytes = Buffer.from(file, 'base64')
    return { name, bytes, own: await ownHeader(bytes).catch((error: unknown) => error) }
  }),
)

describe('small odd files', () => {
  // the package keeps metadata in an object, where a key __proto__ is lost
  const read = files.filter(({ name, own }) => !(own instanceof SdtoolError) && name !== 'key __proto__')

  it('of which ours reads many', () => expect(read.length).toBeGreaterThan(25))

  it.each(read.map(({ name, ...rest }) => [name, rest] as const))('%s', async (_, { bytes, own }) => {
    expect(own).toEqual(await theirHeader(bytes))
  })
})

interface Value {
  readonly type: GGUFValueType
  readonly subType?: GGUFValueType
  readonly value: MetadataValue
}

const SCALARS: Readonly<Record<string, fc.Arbitrary<MetadataValue>>> = {
  UINT8: fc.integer({ min: 0, max: 255 }),
  INT8: fc.integer({ min: -128, max: 127 }),
  UINT16: fc.integer({ min: 0, max: 65_535 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: fc.nat(2 ** 32 - 1),
  INT32: fc.integer(),
  FLOAT32: fc.float(),
  BOOL: fc.boolean(),
  STRING: fc.string({ unit: 'grapheme' }),
  UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  FLOAT64: fc.double(),
}

/** Scalars of a type, and arrays of them; but none of UINT8, whose number 0 the package's writer takes for none. */
function valuesOf(name: string): fc.Arbitrary<Value> {
  const type = GGUFValueType[name as keyof typeof GGUFValueType]
  const scalar = SCALARS[name]!
  const single = scalar.map((value) => ({ type, value }))
  if (type === GGUFValueType.UINT8) return single
  const array = fc.array(scalar, { maxLength: 20 })
  return fc.oneof(
    single,
    array.map((value) => ({ type: GGUFValueType.ARRAY, subType: type, value: value as MetadataValue })),
  )
}

describe('metadata that the package writes', () => {
  const keys = fc.stringMatching(/^[a-z_]{1,8}\.[a-z_]{1,12}$/)

  it.each(Object.keys(SCALARS))('of %s, and arrays of them', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keys, valuesOf(name), { noNullPrototype: true }), async (pairs) => {
        const counts = {
          version: { value: 3, type: GGUFValueType.UINT32 },
          tensor_count: { value: 0n, type: GGUFValueType.UINT64 },
          kv_count: { value: BigInt(Object.keys(pairs).length), type: GGUFValueType.UINT64 },
        }
        const file = serializeGgufMetadata({ ...counts, ...pairs } as GGUFTypedMetadata)
        const wanted = Object.entries(pairs).map(([key, { value }]) => [key, textOf(value)] as const)
        expect(await ownHeader(file)).toEqual({ tensors: new Map(), metadata: new Map(wanted) })
      }),
    )
  })
})
