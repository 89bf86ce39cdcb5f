import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { combineCrc32 } from '../../../src/system/crc.ts'
import type { TorchObject } from '../../../src/tensor/formats/pickle-write.ts'
import { torchZip } from '../../../src/tensor/formats/torch-zip-write.ts'
import { DTYPES, type DType, elementCount } from '../../../src/tensor/values/dtype.ts'
import { writeModelFile } from '../../../src/tensor/write/write.ts'
import { contentsOf } from '../../model-files.ts'
import { fc } from '../../properties.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'
import { sparse } from './sparse.ts'

const TYPES: DType[] = ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2', 'I64', 'I32', 'U8', 'BOOL']

describe('combineCrc32', () => {
  it('is the checksum of both runs together', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 400 }), (a, b) => {
        expect(combineCrc32(crc32(a), crc32(b), b.byteLength)).toBe(crc32(Buffer.concat([a, b])))
      }),
    )
  })
})

describe('torchZip', () => {
  it('writes any table so that the ordinary reader gives it back, verified', async () => {
    const tensor = fc.record({
      name: fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !/[\p{Surrogate}/]/u.test(name)),
      dtype: fc.constantFrom(...TYPES),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
    })
    const tensors = fc.uniqueArray(tensor, { minLength: 1, maxLength: 6, selector: ({ name }) => name })
    await fc.assert(
      fc.asyncProperty(tensors, fc.nat(255), async (specs, seed) => {
        const table = tableOf(
          specs.map(({ name, dtype, shape }) => {
            const data = new Uint8Array(elementCount(shape) * DTYPES[dtype].bytes).map(
              (_, i) => (i * 7 + seed) & 1,
            )
            return bytesTensor(name, dtype, shape, data)
          }),
        )
        const path = join(tempFolder(), 'model.ckpt')
        await writeModelFile(table, path, torchZip(), { threads: 0, verify: true })
        const { model, bytes } = await contentsOf(path)
        expect([model.format, model.weightsAt, model.tensors.size]).toEqual([
          'torch-zip',
          'state_dict',
          specs.length,
        ])
        for (const { name, dtype, shape, source } of table.tensors.values()) {
          const found = model.tensors.get(name)!
          expect([found.dtype, found.shape]).toEqual([dtype, shape])
          if (source.kind === 'bytes') expect(Buffer.from(bytes.get(name)!)).toEqual(Buffer.from(source.data))
        }
      }),
      { numRuns: 25 },
    )
  })

  it('puts values at multiples of 64 bytes, as torch does to map them', async () => {
    const { layout, dataStart } = torchZip().frame(
      tableOf([floatTensor('a', [3], [1, 2, 3]), floatTensor('b', [1], [4])]),
    )
    expect(layout.entries.map(({ begin }) => (dataStart + begin) % 64)).toEqual([0, 0])
  })

  it.each([2 ** 30 - 1, 2 ** 30, 2 ** 30 + 5])(
    'sizes and places around 4 GiB are found again: two tensors of %i values',
    async (count) => {
      const none = new Uint8Array(0)
      const table = tableOf(['a', 'b'].map((name) => bytesTensor(name, 'F32', [count], none)))
      const frame = torchZip().frame(table)
      const checksums = [1, 2]
      const { tensors } = await torchZip().open(sparse(frame.bytes, frame.pieces(checksums)))
      const places = [...tensors.values()].map(({ name, shape, source }) => {
        return [name, shape, source.kind === 'stored' && source.offset]
      })
      const begins = frame.layout.entries.map(({ begin }) => frame.dataStart + begin)
      expect(places).toEqual([
        ['a', [count], begins[0]],
        ['b', [count], begins[1]],
      ])
      expect(begins[1]! - begins[0]!).toBeGreaterThan(4 * count)
    },
  )

  it('writes any plain object around the tensors', async () => {
    const root: TorchObject = {
      dict: [
        ['string_to_token', { dict: [['*', 265]] }],
        ['string_to_param', { dict: [['*', { tensor: 'string_to_param/*' }]] }],
        ['name', 'neg'],
        ['step', 2 ** 40],
        ['scale', -0.5],
        ['nothing', null],
        ['yes', true],
      ],
    }
    const path = join(tempFolder(), 'neg.pt')
    const table = tableOf([floatTensor('string_to_param/*', [2, 2], [1, 2, 3, 4])])
    await writeModelFile(
      table,
      path,
      torchZip(() => root),
      { threads: 0, verify: true },
    )
    const { model } = await contentsOf(path)
    expect([...model.tensors.keys()]).toEqual(['string_to_param/*'])
    expect(model.extras).toMatchObject({ name: 'neg', step: 2 ** 40, scale: -0.5, yes: true })
    expect(model.security?.safe).toBe(true)
  })

  it('refuses types that torch does not have', () => {
    const odd = bytesTensor('w', 'Q4_0', [32], new Uint8Array(18))
    expect(() => torchZip().frame(tableOf([odd]))).toThrow('tensor "w" is Q4_0, which torch cannot store')
  })
})
