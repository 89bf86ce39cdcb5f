/** Two readers that are not ours read the safetensors files that we write: that of npm, and one from the format's text. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SAFETENSORS_DTYPES } from '../../../src/tensor/formats/safetensors.ts'
import { byteLength, DTYPES, type DType } from '../../../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { writeModel } from '../../model-files.ts'
import { fc } from '../../properties.ts'
import { bytesTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

interface Found {
  readonly tensors: Readonly<Record<string, { dtype: string; shape: readonly number[]; bytes: string }>>
  readonly metadata?: Readonly<Record<string, string>>
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Bits of an element, by the table of the format: the number in the name, but for these. */
function bitsOf(dtype: string): number {
  return dtype === 'BOOL' ? 8 : dtype === 'BF16' ? 16 : Number(/^[A-Z](\d+)/.exec(dtype)![1])
}

/**
 * By "Format" in the README of huggingface/safetensors: N as u64, little-endian; N bytes of JSON in UTF-8 that begin
 * with `{` and may end with spaces; a byte buffer that is indexed whole, without holes; a text-to-text map
 * `__metadata__`, which is no tensor.
 */
function readByTheText(file: Buffer): Found {
  const start = 8 + Number(file.readBigUInt64LE(0))
  const text = new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, start))
  expect(text).toMatch(/^\{.*\} *$/s)
  const { __metadata__: metadata, ...header }: Record<string, Entry> = JSON.parse(text)
  let end = 0
  const byPlace = Object.entries(header).sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  )
  const tensors = byPlace.map(([name, { dtype, shape, data_offsets }]) => {
    expect(data_offsets[0], name).toBe(end)
    end = data_offsets[1]
    expect(8 * (end - data_offsets[0]), name).toBe(shape.reduce((product, n) => product * n, bitsOf(dtype)))
    return [name, { dtype, shape, bytes: hex(file.subarray(start + data_offsets[0], start + end)) }]
  })
  expect(start + end).toBe(file.byteLength)
  const found = { tensors: Object.fromEntries(tensors) }
  return metadata === undefined
    ? found
    : { ...found, metadata: metadata as unknown as Record<string, string> }
}

/** The package has no types, and Node does not see its ES module. */
const { SafeTensor } = createRequire(import.meta.url)('safetensors') as {
  SafeTensor: new (
    file: Uint8Array,
  ) => { metadata: ReadonlyMap<string, Entry>; getTensor(name: string): Uint8Array }
}

/** safetensors 0.0.1 of npm takes `__metadata__` for a tensor without a place and throws, so it reads files without. */
function readByThePackage(file: Buffer): Found {
  const read = new SafeTensor(Uint8Array.from(file))
  const tensors = [...read.metadata].map(([name, { dtype, shape }]) => [
    name,
    { dtype, shape, bytes: hex(read.getTensor(name)) },
  ])
  return { tensors: Object.fromEntries(tensors) }
}

async function expectRead({ tensors, metadata }: TensorTable): Promise<void> {
  const wanted = [...tensors.values()].map(({ name, dtype, shape, source }) => [
    name,
    { dtype, shape, bytes: source.kind === 'bytes' && hex(source.data) },
  ])
  const plain = { tensors: Object.fromEntries(wanted) }
  expect(readByThePackage(await written({ tensors, metadata: {} }))).toEqual(plain)
  const hasTexts = Object.keys(metadata).length > 0
  expect(readByTheText(await written({ tensors, metadata }))).toEqual(
    hasTexts ? { ...plain, metadata } : plain,
  )
}

async function written(table: TensorTable): Promise<Buffer> {
  const path = join(tempFolder(), 'm.safetensors')
  await writeModel(path, table)
  return readFileSync(path)
}

function tensorOf(name: string, dtype: DType, shape: number[], seed = 1): Tensor {
  const data = new Uint8Array(byteLength(dtype, shape)!)
  return bytesTensor(
    name,
    dtype,
    shape,
    data.map((_, i) => (dtype === 'BOOL' ? (i + seed) & 1 : i * 31 + seed)),
  )
}

describe('both readers read the files that we write', () => {
  it('of many types', () => expect(SAFETENSORS_DTYPES.length).toBeGreaterThan(20))

  it.each(SAFETENSORS_DTYPES)('tensors of %s', (dtype) => {
    const block = DTYPES[dtype].elements
    const scalar = block === 1 ? [tensorOf('scalar', dtype, [])] : []
    return expectRead(
      tableOf(
        [
          ...scalar,
          tensorOf('nothing', dtype, [0, 3]),
          tensorOf('row', dtype, [7 * block]),
          tensorOf('w', dtype, [2, 3, 5 * block]),
        ],
        { note: dtype },
      ),
    )
  })

  it.each<[string, TensorTable]>([
    ['no tensor', tableOf([], { format: 'pt' })],
    ['neither tensors nor texts', tableOf([])],
    [
      'all types at once',
      tableOf(SAFETENSORS_DTYPES.map((dtype) => tensorOf(dtype.toLowerCase(), dtype, [12]))),
    ],
    [
      'odd names',
      tableOf(
        ['', ' ', '"', '\\', 'a\nb', '\0', '名前', '😀', '10', '9', 'constructor'].map((name, i) =>
          tensorOf(name, 'F16', [i]),
        ),
      ),
    ],
    [
      'long texts',
      tableOf([tensorOf('w', 'F32', [3])], { '': '', 'ключ "1"': '日本\n'.repeat(5000), a: '{"b": [1]}' }),
    ],
  ])('with %s', (_, table) => expectRead(table))

  it('of any names, types, shapes and texts', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    const tensor = fc.record({
      name: text.filter((name) => !['__metadata__', '__proto__'].includes(name)),
      dtype: fc.constantFrom(...SAFETENSORS_DTYPES),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
    })
    const tensors = fc.uniqueArray(tensor, { maxLength: 8, selector: ({ name }) => name })
    const texts = fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { maxKeys: 4, noNullPrototype: true },
    )
    await fc.assert(
      fc.asyncProperty(tensors, texts, fc.nat(255), async (specs, metadata, seed) => {
        const made = specs.map(({ name, dtype, shape }) => tensorOf(name, dtype, [...shape, 4], seed))
        await expectRead(tableOf(made, metadata))
      }),
      { numRuns: 25 },
    )
  })
})
