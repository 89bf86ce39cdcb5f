import { describe, expect, it } from 'vitest'
import { matrixOf, sum } from '../../../src/tensor/algebra/matrix.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto } from '../../../src/tensor/values/expr.ts'
import { rowMajorStrides } from '../../../src/tensor/values/strided.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { fc } from '../../properties.ts'
import { floatTensor } from '../../tables.ts'

const file = { path: 'storage', size: 0 }

/** A storage of U16 elements that hold their own index. */
function storageReader(elements: number): ReadInto {
  const storage = new Uint8Array(Uint16Array.from({ length: elements }, (_, i) => i).buffer)
  return async (_file, offset, target) => {
    if (offset < 0 || offset + target.byteLength > storage.byteLength) throw new RangeError('read outside')
    target.set(storage.subarray(offset, offset + target.byteLength))
  }
}

function strided(shape: number[], strides: number[], start = 0): Tensor {
  const source = { kind: 'stored', file, offset: start * 2, nbytes: 0, strides } as const
  return { name: 't', dtype: 'U16', shape, source }
}

async function elements(tensor: Tensor, begin: number, end: number, storage: number): Promise<number[]> {
  const out = new Uint8Array((end - begin) * 2)
  await evaluateInto(tensor, begin, end, out, newEvaluation(storageReader(storage)))
  return [...new Uint16Array(out.buffer)]
}

/** Index by index, as torch defines a view: offset + sum of index times stride. */
function byDefinition(shape: number[], strides: number[], start: number): number[] {
  const all: number[] = []
  const walk = (d: number, at: number): void => {
    if (d === shape.length) all.push(at)
    else for (let i = 0; i < shape[d]!; i++) walk(d + 1, at + i * strides[d]!)
  }
  walk(0, start)
  return all
}

describe('strided views', () => {
  it('transposes: strides [1, 3] of shape [3, 2]', async () => {
    expect(await elements(strided([3, 2], [1, 3]), 0, 6, 6)).toEqual([0, 3, 1, 4, 2, 5])
  })

  it('repeats an expanded dimension: stride 0', async () => {
    expect(await elements(strided([2, 3], [0, 1], 4), 0, 6, 7)).toEqual([4, 5, 6, 4, 5, 6])
  })

  it('gives any block of any view', async () => {
    const aView = fc
      .array(fc.record({ n: fc.integer({ min: 1, max: 4 }), stride: fc.nat(5) }), {
        minLength: 1,
        maxLength: 4,
      })
      .chain((dims) => {
        const count = dims.reduce((product, { n }) => product * n, 1)
        return fc.record({
          dims: fc.constant(dims),
          start: fc.nat(5),
          cut: fc.tuple(fc.nat(count), fc.nat(count)),
        })
      })
    await fc.assert(
      fc.asyncProperty(aView, async ({ dims, start, cut }) => {
        const shape = dims.map(({ n }) => n)
        const strides = dims.map(({ stride }) => stride)
        const [begin, end] = [Math.min(...cut), Math.max(...cut)]
        const expected = byDefinition(shape, strides, start)
        const storage = Math.max(...expected) + 1
        expect(await elements(strided(shape, strides, start), begin, end, storage)).toEqual(
          expected.slice(begin, end),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('gathers elements of every size, at any alignment', async () => {
    const sizes = { U8: 1, F16: 2, F32: 4, F64: 8, C128: 16 } as const
    for (const [dtype, size] of Object.entries(sizes) as [DType, number][]) {
      for (const [shape, strides] of [
        [
          [40, 50],
          [1, 40],
        ],
        [
          [3, 40, 5],
          [200, 1, 40],
        ],
        [
          [20, 70],
          [100, 1],
        ],
      ] as [number[], number[]][]) {
        const indices = byDefinition(shape, strides, 0)
        const storage = Uint8Array.from(
          { length: (Math.max(...indices) + 1) * size },
          (_, i) => (i * 31) % 251,
        )
        const source = { kind: 'stored', file, offset: 0, nbytes: 0, strides } as const
        const read: ReadInto = async (_file, offset, target) =>
          target.set(storage.subarray(offset, offset + target.byteLength))
        const expected = indices.flatMap((i) => [...storage.subarray(i * size, (i + 1) * size)])
        for (const shift of [0, 1]) {
          const out = new Uint8Array(indices.length * size + shift).subarray(shift)
          const tensor: Tensor = { name: 't', dtype, shape, source }
          await evaluateInto(tensor, 0, indices.length, out, newEvaluation(read))
          expect([...out]).toEqual(expected)
        }
      }
    }
  })

  it('reads a wide view in bounded pieces', async () => {
    // two rows that lie 20 M elements apart: one read of all between would take 40 MB
    const reads: number[] = []
    const read: ReadInto = async (_file, _offset, target) => {
      reads.push(target.byteLength)
    }
    const out = new Uint8Array(8)
    await evaluateInto(strided([2, 2], [20_000_000, 1]), 0, 4, out, newEvaluation(read))
    expect(Math.max(...reads)).toBeLessThan(1000)
  })

  it('knows row-major strides', () => {
    expect(rowMajorStrides([2, 3, 4])).toEqual([12, 4, 1])
    expect(rowMajorStrides([])).toEqual([])
  })
})

describe('big-endian files', () => {
  it('turns the bytes of each element round', async () => {
    const source = { kind: 'stored', file, offset: 0, nbytes: 4, bigEndian: true } as const
    const tensor: Tensor = { name: 't', dtype: 'U16', shape: [2], source }
    const out = new Uint8Array(4)
    const read: ReadInto = async (_file, _offset, target) => target.set([0x12, 0x34, 0x56, 0x78])
    await evaluateInto(tensor, 0, 2, out, newEvaluation(read))
    expect([...new Uint16Array(out.buffer)]).toEqual([0x1234, 0x5678])
  })
})

describe('a transposed tensor that others are computed from', () => {
  it('is read once, not once for each block', async () => {
    const [rows, columns] = [1024, 512]
    const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.fround(Math.sin(i)))
    const bytes = new Uint8Array(values.buffer)
    const counts = { bytes: 0 }
    const counting: ReadInto = async (_, offset, target) => {
      counts.bytes += target.byteLength
      target.set(bytes.subarray(offset, offset + target.byteLength))
    }
    const other: Tensor = {
      name: 'other',
      dtype: 'F32',
      shape: [rows, columns],
      source: {
        kind: 'stored',
        file: { path: 'x', size: bytes.length },
        offset: 0,
        nbytes: 0,
        strides: [1, rows],
      },
    }
    const base = floatTensor('w', [rows, columns], Array(rows * columns).fill(1))
    const value = sum({ factor: 0.5, of: matrixOf(base) }, { factor: 0.25, of: matrixOf(other) })
    const tensor: Tensor = { ...base, source: { kind: 'patched', base, value } }
    const evaluation = newEvaluation(counting)
    const step = 32 * columns
    const block = new Uint8Array(4 * step)
    for (let begin = 0; begin < rows * columns; begin += step) {
      await evaluateInto(tensor, begin, begin + step, block, evaluation)
      const found = new Float32Array(block.buffer)
      // element (row, column) of the view is element column * rows + row of the file
      for (const i of [0, 1, step - 1]) {
        const [row, column] = [Math.floor((begin + i) / columns), (begin + i) % columns]
        expect(found[i]).toBe(Math.fround(0.5 + 0.25 * values[column * rows + row]!))
      }
    }
    expect(counts.bytes).toBe(bytes.length)
  })
})
