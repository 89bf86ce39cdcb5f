import { Float16Array } from '@petamoriken/float16'
import { describe, expect, it } from 'vitest'
import {
  addComparisons,
  compareTensors,
  haveSameBytes,
  isNumeric,
  NO_COMPARISON,
  relativeChange,
  type TensorComparison,
} from '../../../src/tensor/values/compare.ts'
import { DTYPES, type DType } from '../../../src/tensor/values/dtype.ts'
import type { ReadInto } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { bytesTensor } from '../../tables.ts'

const input = { read: async () => {} }

/** Stores values in a type, by code that is not ours where the type is no plain array of JavaScript. */
const STORE: Partial<Record<DType, (values: readonly number[]) => ArrayBufferView>> = {
  F64: (values) => Float64Array.from(values),
  F32: (values) => Float32Array.from(values),
  F16: (values) => Float16Array.from(values),
  BF16: (values) =>
    Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16),
  I64: (values) => BigInt64Array.from(values.map(BigInt)),
  I32: (values) => Int32Array.from(values),
  U8: (values) => Uint8Array.from(values),
}

function stored(dtype: DType, values: readonly number[]): Tensor {
  const { buffer, byteOffset, byteLength } = STORE[dtype]!(values)
  return bytesTensor('t', dtype, [values.length], new Uint8Array(buffer, byteOffset, byteLength).slice())
}

/** The definition, in binary64. */
function plainly(a: readonly number[], b: readonly number[]): TensorComparison {
  const differences = a.map((value, i) => b[i]! - value)
  return {
    values: a.length,
    squares: a.reduce((sum, value) => sum + value ** 2, 0),
    differences: differences.reduce((sum, value) => sum + value ** 2, 0),
    largest: differences.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    changed: differences.filter((value) => value !== 0).length,
    brokenA: 0,
    brokenB: 0,
  }
}

/** Multiples of 1/64 below 2, some of them zero: every float type here holds them, BF16 too. */
function someValues(count: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((state >>> 24) - 128) / 64
  })
}

describe('comparing values', () => {
  const floats = ['F64', 'F32', 'F16', 'BF16'] as const
  const pairs = floats.flatMap((a) => floats.map((b) => [a, b] as const))
  // a call of a kernel takes 16,384 values, a step of it 4
  const counts = [1, 3, 4, 16_385, 40_001]
  it.each(pairs)('of %s and %s gives the sums of the definition, for any number of values', async (a, b) => {
    for (const count of counts) {
      const [x, y] = [someValues(count, 1), someValues(count, 2)]
      const found = await compareTensors(stored(a, x), stored(b, y), input)
      const expected = plainly(x, y)
      expect(found).toEqual({
        ...expected,
        squares: expect.closeTo(expected.squares, -Math.log10(expected.squares) + 6),
        differences: expect.closeTo(expected.differences, -Math.log10(expected.differences + 1) + 6),
      })
    }
  })

  it.each(floats)('finds the same values in the same type without a change (%s)', async (dtype) => {
    const values = someValues(20_000, 3)
    const found = await compareTensors(stored(dtype, values), stored(dtype, values), input)
    expect(found).toEqual({
      ...plainly(values, values),
      squares: expect.closeTo(plainly(values, values).squares, 1),
    })
    expect(found.changed).toBe(0)
  })

  it('decodes every half', async () => {
    const codes = Uint16Array.from({ length: 65_536 }, (_, i) => i).filter(
      (code) => (code & 0x7c00) !== 0x7c00,
    )
    const values = Array.from(new Float16Array(codes.slice().buffer))
    // against themselves in binary32: a single wrong decoding would be a change
    const found = await compareTensors(stored('F16', values), stored('F32', values), input)
    expect([found.changed, found.differences, found.values]).toEqual([0, 0, 63_488])
    const doubled = values.map((value) => 2 * value)
    const change = await compareTensors(stored('F16', values), stored('F32', doubled), input)
    expect(relativeChange(change)).toBeCloseTo(1, 6)
    expect([change.changed, change.largest]).toEqual([63_486, 65_504])
  })

  it('sees rounding: 0.1 in fp16 is 2.44e-5 off', async () => {
    const found = await compareTensors(stored('F32', [0.1, 0.5]), stored('F16', [0.1, 0.5]), input)
    expect(found.largest).toBeCloseTo(Math.fround(0.1) - 0.0999755859375, 11)
    expect(found.changed).toBe(1)
  })

  it('counts NaN and infinity apart, and leaves them out of the sums', async () => {
    const a = [Number.NaN, Number.POSITIVE_INFINITY, 1, Number.NaN, Number.NEGATIVE_INFINITY, 3]
    const b = [Number.NaN, Number.POSITIVE_INFINITY, Number.NaN, 2, Number.POSITIVE_INFINITY, 4]
    for (const dtype of floats) {
      expect(await compareTensors(stored(dtype, a), stored(dtype, b), input), dtype).toEqual({
        values: 6,
        squares: 9,
        differences: 1,
        largest: 1,
        changed: 4,
        brokenA: 4,
        brokenB: 4,
      })
    }
  })

  it('says nothing of the sign of a zero or the payload of a NaN', async () => {
    const a = bytesTensor('t', 'F16', [2], new Uint8Array(Uint16Array.of(0x8000, 0x7e01).buffer))
    const b = bytesTensor('t', 'F16', [2], new Uint8Array(Uint16Array.of(0, 0xfe00).buffer))
    expect(await compareTensors(a, b, input)).toMatchObject({ changed: 0, differences: 0 })
  })

  it.each([1e-25, 1e-30, 2 ** -130])(
    'is exact for values of %d, whose squares are no binary32',
    async (tiny) => {
      const [a, b] = [new Float32Array(100).fill(tiny), new Float32Array(100).fill(2 * tiny)]
      const found = await compareTensors(stored('F32', [...a]), stored('F32', [...b]), input)
      expect(relativeChange(found)).toBeCloseTo(1, 6)
      expect(found.changed).toBe(100)
    },
  )

  it('sees differences of binary64 that binary32 does not have', async () => {
    const found = await compareTensors(stored('F64', [1, 2]), stored('F64', [1, 2 + 2 ** -40]), input)
    expect([found.changed, found.largest]).toEqual([1, 2 ** -40])
  })

  it('compares integers with integers and with floats', async () => {
    const ids = stored('I64', [0, 1, 2, 76])
    expect(await compareTensors(ids, stored('F32', [0, 1, 2, 76]), input)).toMatchObject({
      changed: 0,
      squares: 5781,
    })
    expect(await compareTensors(ids, stored('I32', [0, 1, 2, 70]), input)).toMatchObject({
      changed: 1,
      largest: 6,
    })
    expect(await compareTensors(ids, stored('U8', [0, 1, 2, 76]), input)).toMatchObject({ changed: 0 })
  })

  it('tells integers apart that are the same binary64', async () => {
    const [a, b] = [2n ** 53n, 2n ** 53n + 1n].map((n) => new Uint8Array(BigInt64Array.of(n).buffer))
    const found = await compareTensors(
      bytesTensor('t', 'I64', [1], a!),
      bytesTensor('t', 'I64', [1], b!),
      input,
    )
    expect(found.changed).toBe(1)
  })

  it('takes tensors without elements', async () => {
    expect(await compareTensors(stored('F32', []), stored('F16', []), input)).toEqual(NO_COMPARISON)
  })

  /** A tensor of many zeros and a 1 at the end, in a file that is not there. */
  function onDisk(path: string, count: number, last: number): { tensor: Tensor; read: ReadInto } {
    const file = { path, size: count * 4 }
    const source = { kind: 'stored', file, offset: 0, nbytes: file.size } as const
    return {
      tensor: { name: 't', dtype: 'F32', shape: [count], source },
      async read({ size }, offset, target) {
        target.fill(0)
        if (offset + target.byteLength === size)
          target.set(new Uint8Array(Float32Array.of(last).buffer), target.byteLength - 4)
      },
    }
  }

  it('reads block by block', async () => {
    const count = 700_001
    const { tensor, read } = onDisk('a', count, 1)
    const b = onDisk('b', count, 3)
    const sizes: number[] = []
    const found = await compareTensors(tensor, b.tensor, {
      read: (file, offset, target) => (file.path === 'a' ? read : b.read)(file, offset, target),
      onBytes: (bytes) => sizes.push(bytes),
    })
    expect(found).toMatchObject({ values: count, squares: 1, differences: 4, changed: 1, largest: 2 })
    expect(sizes.length).toBeGreaterThan(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 1024 * 1024)
    expect(sizes.reduce((sum, bytes) => sum + bytes)).toBe(2 * 4 * count)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const { tensor, read } = onDisk('a', 700_001, 1)
    let blocks = 0
    const onBytes = () => {
      blocks++
      controller.abort()
    }
    const stopping = compareTensors(tensor, tensor, { read, signal: controller.signal, onBytes })
    await expect(stopping).rejects.toThrow('aborted')
    expect(blocks).toBe(1)
  })
})

describe('bytes', () => {
  it('decide for types that are no numbers', async () => {
    expect([isNumeric('Q4_0'), isNumeric('C64'), isNumeric('F4'), isNumeric('BOOL')]).toEqual([
      false,
      false,
      false,
      true,
    ])
    const blocks = (last: number) => {
      const data = new Uint8Array(18 * 100_000).fill(7)
      data[data.length - 1] = last
      return bytesTensor('t', 'Q4_0', [32 * 100_000], data)
    }
    expect(await haveSameBytes(blocks(7), blocks(7), input)).toBe(true)
    expect(await haveSameBytes(blocks(7), blocks(8), input)).toBe(false)
  })
})

describe('relative change', () => {
  const of = (squares: number, differences: number) =>
    relativeChange({ ...NO_COMPARISON, squares, differences })
  it('is the norm of the difference by the norm of the first', () => {
    expect(of(100, 1)).toBe(0.1)
    expect(of(0, 0)).toBe(0)
    expect(of(0, 1)).toBe(Number.POSITIVE_INFINITY)
  })

  it('of several tensors is that of all their values together', () => {
    const a: TensorComparison = {
      ...NO_COMPARISON,
      values: 2,
      squares: 3,
      differences: 4,
      largest: 1,
      changed: 1,
    }
    const b: TensorComparison = { ...a, squares: 13, differences: 0, largest: 2, brokenA: 1, brokenB: 2 }
    expect(addComparisons(a, b)).toEqual({
      values: 4,
      squares: 16,
      differences: 4,
      largest: 2,
      changed: 2,
      brokenA: 1,
      brokenB: 2,
    })
    expect(relativeChange(addComparisons(a, b))).toBe(0.5)
  })
})

describe('tensors of the same bytes', () => {
  it.each([
    // 1 and 2 in binary16 are 2^-7 and 2 in bfloat16
    ['F16', 'BF16', [0x3c00, 0x4000], [1, 2], [2 ** -7, 2]],
    ['BF16', 'F16', [0x3c00, 0x4000], [2 ** -7, 2], [1, 2]],
    // 0x38 is 2^0 where the bias of the exponent is 7, 2^-1 where it is 15
    ['F8_E4M3', 'F8_E5M2', [0x38, 0x40], [1, 2], [0.5, 2]],
    ['I16', 'F16', [0x3c00, 0x0000], [15360, 0], [1, 0]],
    ['U8', 'I8', [0xff, 1], [255, 1], [-1, 1]],
  ] as const)('are other numbers as %s than as %s', async (typeA, typeB, codes, a, b) => {
    const wide = DTYPES[typeA].bytes === 2
    const data = new Uint8Array((wide ? Uint16Array.from(codes) : Uint8Array.from(codes)).buffer)
    const [left, right] = [typeA, typeB].map((dtype) => bytesTensor('t', dtype, [2], data))
    expect(await compareTensors(left!, right!, input)).toEqual(plainly(a, b))
  })
})

it('says how many bytes of both were read', async () => {
  let bytes = 0
  const onBytes = (count: number) => {
    bytes += count
  }
  const values = someValues(300_000, 1)
  await compareTensors(stored('F32', values), stored('F16', values), { ...input, onBytes })
  expect(bytes).toBe(300_000 * (4 + 2))
})
