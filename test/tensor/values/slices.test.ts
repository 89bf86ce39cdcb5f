import { describe, expect, it } from 'vitest'
import { DTYPES, type DType, elementCount } from '../../../src/tensor/values/dtype.ts'
import { cast, evaluateInto, newEvaluation } from '../../../src/tensor/values/expr.ts'
import { concatenated, reshape, tensorRows, transpose } from '../../../src/tensor/values/slices.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { fc } from '../../properties.ts'
import { floatTensor } from '../../tables.ts'

/** Values [begin, end) of an F32 tensor. */
async function values(tensor: Tensor, begin = 0, end = elementCount(tensor.shape)): Promise<number[]> {
  const out = new Float32Array(end - begin)
  await evaluateInto(
    tensor,
    begin,
    end,
    new Uint8Array(out.buffer),
    newEvaluation(async () => {}),
  )
  return [...out]
}

function counting(name: string, rows: number, columns: number, from = 0): Tensor {
  return floatTensor(
    name,
    [rows, columns],
    Array.from({ length: rows * columns }, (_, i) => from + i),
  )
}

describe('concatenated', () => {
  it.each<[string, 0 | 1, Tensor[], number[][]]>([
    [
      'below each other',
      0,
      [counting('a', 2, 3), counting('b', 1, 3, 100), counting('c', 2, 3, 200)],
      [
        [0, 1, 2],
        [3, 4, 5],
        [100, 101, 102],
        [200, 201, 202],
        [203, 204, 205],
      ],
    ],
    [
      'beside each other',
      1,
      [counting('a', 3, 2), counting('b', 3, 1, 100), counting('c', 3, 2, 200)],
      [
        [0, 1, 100, 200, 201],
        [2, 3, 101, 202, 203],
        [4, 5, 102, 204, 205],
      ],
    ],
  ])('puts tensors %s, for any block of elements', async (_, axis, parts, rows) => {
    const tensor = concatenated('all', parts, axis)
    const all = rows.flat()
    expect(tensor.shape).toEqual([rows.length, rows[0]!.length])
    for (let begin = 0; begin < all.length; begin++)
      for (let end = begin + 1; end <= all.length; end++)
        expect(await values(tensor, begin, end)).toEqual(all.slice(begin, end))
  })

  it('refuses tensors that do not fit', () => {
    expect(() => concatenated('x', [counting('a', 2, 2), counting('b', 2, 3)])).toThrow(RangeError)
    expect(() => concatenated('x', [])).toThrow(RangeError)
  })

  it('below each other is undone by taking rows, whichever they are', async () => {
    const size = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), async (heights, a, b) => {
        let from = 0
        const parts = heights.map((rows, i) => {
          const part = counting(`p${i}`, rows, 3, from)
          from += 3 * rows
          return part
        })
        const whole = concatenated('whole', parts)
        const rows = whole.shape[0]!
        const start = a % rows
        const count = 1 + (b % (rows - start))
        const expected = Array.from({ length: 3 * count }, (_, i) => 3 * start + i)
        expect(await values(tensorRows(whole, start, count))).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })
})

describe('tensorRows', () => {
  it('takes rows of what is cast, and of a view that is turned', async () => {
    const tensor = counting('t', 3, 2)
    expect(await values(cast(tensorRows(cast(tensor, 'F16'), 1, 2), 'F32'))).toEqual([2, 3, 4, 5])
    expect(tensorRows(tensor, 3, 0).shape).toEqual([0, 2])
    expect(() => tensorRows(tensor, 2, 2)).toThrow('t has 3 rows, not 2 to 4')
    expect(() => tensorRows(tensor, -1, 2)).toThrow('t has 3 rows, not -1 to 1')
    expect(() => tensorRows(tensor, 2, -1)).toThrow('t has 3 rows, not 2 to 1')
  })
})

describe('turned and shaped', () => {
  it('exchange rows and columns, and add dimensions of one', async () => {
    const tensor = counting('t', 2, 3)
    expect(await values(transpose(tensor))).toEqual([0, 3, 1, 4, 2, 5])
    expect(reshape(tensor, [2, 3, 1, 1]).shape).toEqual([2, 3, 1, 1])
    expect(() => reshape(tensor, [7])).toThrow(RangeError)
  })

  it('turn a view in a file by its strides alone', () => {
    const source = { kind: 'stored', file: { path: 'x', size: 24 }, offset: 0, nbytes: 24 } as const
    const stored: Tensor = { name: 't', dtype: 'F32', shape: [2, 3], source }
    expect(transpose(stored)).toMatchObject({ shape: [3, 2], source: { strides: [1, 3] } })
    expect(transpose(transpose(stored)).source).toMatchObject({ strides: [3, 1] })
    expect(reshape(transpose(stored), [3, 2, 1, 1]).source).toMatchObject({ strides: [1, 3, 0, 0] })
  })
})

describe('rows of a view in a file', () => {
  interface View {
    readonly shape: number[]
    readonly strides: number[]
    readonly first: number
  }

  /** Element i of a storage of 40 has i in its first byte, so that the elements of rows tell which they are. */
  async function elements(dtype: DType, { shape, strides, first }: View, start: number, count: number) {
    const { bytes } = DTYPES[dtype]
    const storage = new Uint8Array(40 * bytes).map((_, i) => (i % bytes === 0 ? i / bytes : 0))
    const file = { path: 'x', size: storage.length }
    const source = { kind: 'stored', file, offset: first * bytes, nbytes: 0, strides } as const
    const rows = tensorRows({ name: 't', dtype, shape, source }, start, count)
    const out = new Uint8Array(elementCount(rows.shape) * bytes)
    const evaluation = newEvaluation(async (_, at, target) =>
      target.set(storage.subarray(at, at + target.length)),
    )
    await evaluateInto(rows, 0, elementCount(rows.shape), out, evaluation)
    return [...out.filter((_, i) => i % bytes === 0)]
  }

  const plain = (Object.keys(DTYPES) as DType[]).filter((dtype) => DTYPES[dtype].elements === 1)

  it.each<[string, View, [number, number], number[]]>([
    ['a matrix that is turned', { shape: [3, 2], strides: [1, 3], first: 0 }, [1, 2], [1, 4, 2, 5]],
    ['a part of it', { shape: [2, 3], strides: [1, 10], first: 2 }, [1, 1], [3, 13, 23]],
    ['columns of a wider one', { shape: [3, 2], strides: [4, 1], first: 1 }, [1, 2], [5, 6, 9, 10]],
    ['every third of a vector', { shape: [5], strides: [3], first: 0 }, [2, 3], [6, 9, 12]],
    ['one row for all', { shape: [3, 2], strides: [0, 1], first: 4 }, [1, 2], [4, 5, 4, 5]],
    [
      'dimensions in another order',
      { shape: [2, 3, 4], strides: [3, 1, 6], first: 0 },
      [1, 1],
      [3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23],
    ],
  ])('%s are those of its storage, in every plain type', async (_, view, [start, count], expected) => {
    expect(plain.length).toBeGreaterThan(15)
    for (const dtype of plain)
      expect([dtype, await elements(dtype, view, start, count)]).toEqual([dtype, expected])
  })
})
