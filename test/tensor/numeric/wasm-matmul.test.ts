import { describe, expect, it } from 'vitest'
import type { Floats } from '../../../src/tensor/algebra/matmul.ts'
import { wasmMatMul } from '../../../src/tensor/numeric/wasm-matmul.ts'

const TYPES = [Float32Array, Float64Array] as const
type FloatType = (typeof TYPES)[number]

/** Every sum in binary64, element by element, by the definition. */
function definition(a: ArrayLike<number>, b: ArrayLike<number>, [m, k, n]: readonly number[]): Float64Array {
  return Float64Array.from({ length: m! * n! }, (_, at) => {
    const [i, j] = [Math.floor(at / n!), at % n!]
    let sum = 0
    for (let p = 0; p < k!; p++) sum += a[i * k! + p]! * b[p * n! + j]!
    return sum
  })
}

/** Small whole numbers: all sums are exact in binary32, whatever their order. */
function wholes(type: FloatType, length: number, seed: number): Floats {
  return new type(length).map((_, i) => ((i * 7919 + seed * 104729) % 17) - 8) as Floats
}

function waves(type: FloatType, length: number, step: number): Floats {
  return new type(length).map((_, i) => Math.sin(i * step)) as Floats
}

/** Ones below, at and above the sides of tiles (4 rows, 8 or 4 columns, 2 in depth) and blocks (256, 1024, 256). */
const SIZES = [
  [1, 1, 1],
  [3, 5, 7],
  [4, 2, 8],
  [5, 3, 9],
  [8, 16, 4],
  [1, 300, 1],
  [257, 1, 3],
  [2, 2, 1027],
  [256, 256, 1024],
  [259, 515, 1029],
] as const

describe.each(TYPES.map((type) => [type.name, type] as const))('a product by the kernel: %s', (_, type) => {
  it('is what it is by hand, and is added where that is asked for', async () => {
    const out = new type(4).fill(99) as Floats
    // [[1, 2, 3], [4, 5, 6]] @ [[1, 0], [2, -1], [0, 3]]
    await wasmMatMul(type.of(1, 2, 3, 4, 5, 6) as Floats, type.of(1, 0, 2, -1, 0, 3) as Floats, out, [2, 3, 2]) // biome-ignore format: one product
    expect(Array.from(out)).toEqual([5, 7, 14, 13])
    await wasmMatMul(type.of(1, 2) as Floats, type.of(10, -1) as Floats, out, [2, 1, 2], true)
    expect(Array.from(out)).toEqual([15, 6, 34, 11])
  })

  it.each(SIZES)(
    'is exact for whole numbers, [%i, %i] @ [., %i], also of the transposed',
    async (m, k, n) => {
      const [a, b, out] = [wholes(type, m * k, 1), wholes(type, k * n, 2), new type(m * n) as Floats]
      const expected = definition(a, b, [m, k, n])
      await wasmMatMul(a, b, out, [m, k, n])
      expect(areEqual(out, expected)).toBe(true)
      const turned = new type(m * n) as Floats
      await wasmMatMul(transposed(b, k, n), transposed(a, m, k), turned, [n, k, m])
      expect(areEqual(transposed(turned, n, m), out)).toBe(true)
      await wasmMatMul(a, b, out, [m, k, n], true)
      expect(out.every((value, i) => value === 2 * expected[i]!)).toBe(true)
    },
  )

  it('of nothing is nothing, and with no depth zeros, or what was there', async () => {
    const none = new type(0) as Floats
    for (const size of [[0, 3, 2], [2, 3, 0], [0, 0, 0]] as const) // biome-ignore format: a table
      await wasmMatMul(new type(size[0] * size[1]) as Floats, new type(size[1] * size[2]) as Floats, none, size) // biome-ignore format: one product
    const out = type.of(1, 2, 3, 4) as Floats
    await wasmMatMul(none, none, out, [2, 0, 2], true)
    expect(Array.from(out)).toEqual([1, 2, 3, 4])
    await wasmMatMul(none, none, out, [2, 0, 2])
    expect(Array.from(out)).toEqual([0, 0, 0, 0])
  })

  it('errs no more than sums of 256 in its precision can', async () => {
    const size = [37, 1300, 41] as const
    const [m, k, n] = size
    const [a, b, out] = [waves(type, m * k, 1.37), waves(type, k * n, 0.77), new type(m * n) as Floats]
    await wasmMatMul(a, b, out, size)
    const exact = definition(a, b, size)
    const magnitude = definition(a.map(Math.abs), b.map(Math.abs), size)
    // Higham, Accuracy and Stability of Numerical Algorithms, 3.1 and 4.2: gamma of 256 products and of the blocks
    const roundings = 256 + Math.ceil(k / 256) + (type === Float64Array ? k : 0)
    const unit = type === Float32Array ? 2 ** -24 : 2 ** -53
    for (const [i, value] of out.entries())
      expect(Math.abs(value - exact[i]!)).toBeLessThanOrEqual(roundings * unit * magnitude[i]!)
  })

  it('takes NaN and infinity to their rows and columns only, and leaves none behind for the next', async () => {
    const [a, b] = [wholes(type, 7 * 5, 1), wholes(type, 5 * 9, 2)]
    const [sick, out] = [a.slice() as Floats, new type(7 * 9) as Floats]
    sick[2 * 5 + 4] = Number.NaN
    sick[6 * 5] = Number.POSITIVE_INFINITY
    await wasmMatMul(sick, b, out, [7, 5, 9])
    const rows = Array.from({ length: 7 }, (_, r) => Array.from(out.subarray(r * 9, r * 9 + 9)))
    expect(rows.map((row) => row.every(Number.isFinite))).toEqual([
      true,
      true,
      false,
      true,
      true,
      true,
      false,
    ])
    expect(rows[2]!.every(Number.isNaN)).toBe(true)
    const ill = wholes(type, 8 * 8, 3).fill(Number.NaN)
    await wasmMatMul(ill, ill, new type(64) as Floats, [8, 8, 8])
    await wasmMatMul(a, b, out, [7, 5, 9])
    expect(Array.from(out)).toEqual(Array.from(definition(a, b, [7, 5, 9])))
  })

  it('lets others have their turn, and is not disturbed by their products', async () => {
    const size = [600, 900, 1100] as const // more products than are made in one turn
    const [a, b] = [wholes(type, 600 * 900, 1), wholes(type, 900 * 1100, 2)]
    const [alone, beside, small] = [new type(600 * 1100), new type(600 * 1100), new type(9)] as Floats[]
    await wasmMatMul(a, b, alone!, size)
    let turns = 0
    const waiting = setImmediate(() => turns++)
    await Promise.all([
      wasmMatMul(a, b, beside!, size),
      wasmMatMul(a, b, new type(600 * 1100) as Floats, size),
      wasmMatMul(b, a, small!, [3, 4, 3]),
    ])
    clearImmediate(waiting)
    expect(turns).toBe(1)
    expect(areEqual(beside!, alone!)).toBe(true)
    expect(alone!.every((value, i) => i % 997 !== 0 || value === one(a, b, size, i))).toBe(true)
  })
})

/** In no time, also for a million values. */
function areEqual(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  let equal = a.length === b.length
  for (let i = 0; i < a.length; i++) equal &&= a[i] === b[i]
  return equal
}

function one(a: Floats, b: Floats, [, k, n]: readonly number[], at: number): number {
  const [row, column] = [Math.floor(at / n!), at % n!]
  const ofB = Float64Array.from({ length: k! }, (_, p) => b[p * n! + column]!)
  return definition(a.subarray(row * k!, (row + 1) * k!), ofB, [1, k!, 1])[0]!
}

function transposed(matrix: Floats, rows: number, columns: number): Floats {
  return matrix.map((_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)]!) as Floats
}
