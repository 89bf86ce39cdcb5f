import { describe, expect, it } from 'vitest'
import { plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { fillNormal, seedFor } from '../../../src/tensor/algebra/random.ts'
import {
  allSingularValues,
  leadingSvd,
  type Svd,
  svdOfProduct,
  transposeValues,
} from '../../../src/tensor/algebra/svd.ts'
import { symmetricEigen, symmetricValues } from '../../../src/tensor/algebra/symmetric.ts'
import { fc } from '../../properties.ts'

const SKETCH = { matmul: plainMatMul, seed: 1 }

function normal(length: number, seed: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(length)
  fillNormal(out, seed)
  return out
}

/** left^T @ right: what the decomposition stands for. */
function rebuilt({ values, left, right }: Svd, m: number, n: number): Float64Array {
  const out = new Float64Array(m * n)
  for (let k = 0; k < values.length; k++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) out[i * n + j]! += left[k * m + i]! * right[k * n + j]!
  return out
}

function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0)
}

describe('symmetricEigen', () => {
  it('gives the eigenvalues of a matrix whose are known by hand', () => {
    // [[2, 1], [1, 2]]: 3 along (1, 1), 1 along (1, -1)
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2)
    expect(worst(values, [3, 1])).toBeLessThan(1e-14)
    expect(Math.abs(vectors[0]! * vectors[1]!)).toBeCloseTo(0.5, 14)
    expect(worst(symmetricValues(Float64Array.of(2, 1, 1, 2), 2), [3, 1])).toBeLessThan(1e-14)
  })

  it('gives orthonormal vectors with A v = lambda v for any symmetric matrix, of any rank', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(),
        (n, rank, seed) => {
          const factor = normal(n * rank, seed)
          const a = new Float64Array(n * n)
          for (let i = 0; i < n; i++)
            for (let j = 0; j < n; j++)
              for (let k = 0; k < rank; k++) a[i * n + j]! += factor[i * rank + k]! * factor[j * rank + k]!
          const { values, vectors } = symmetricEigen(a, n)
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < n; j++) {
              let [image, dot] = [0, 0]
              for (let k = 0; k < n; k++) {
                image += a[j * n + k]! * vectors[i * n + k]!
                dot += vectors[i * n + k]! * vectors[j * n + k]!
              }
              expect(image).toBeCloseTo(values[i]! * vectors[i * n + j]!, 9)
              expect(dot).toBeCloseTo(i === j ? 1 : 0, 9)
            }
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it.each([-400, -80, -30, 30, 400])('is as exact for numbers that are 2^%i times as large', (exponent) => {
    const n = 6
    const factor = normal(n * n, 5)
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        for (let k = 0; k < n; k++) a[i * n + j]! += factor[i * n + k]! * factor[j * n + k]!
    const one = symmetricEigen(a.slice(), n)
    const scale = 2 ** exponent
    const scaled = a.map((value) => value * scale)
    const other = symmetricEigen(scaled.slice(), n)
    expect(worst(other.values.map((value) => value / scale), one.values)).toBeLessThan(1e-12) // biome-ignore format: one line
    expect(worst(other.vectors.map(Math.abs), one.vectors.map(Math.abs))).toBeLessThan(1e-9)
    const alone = symmetricValues(scaled.slice(), n)
    expect(worst(alone.map((value) => value / scale), one.values)).toBeLessThan(1e-12) // biome-ignore format: one line
  })

  it('refuses values that are no numbers instead of looping', () => {
    expect(() => symmetricEigen(new Float64Array(9).fill(Number.NaN), 3)).toThrow(RangeError)
  })
})

describe('leadingSvd', () => {
  it('gives a matrix of low rank back, and zeros for what it does not have', async () => {
    const [m, n, r] = [40, 70, 3]
    const [up, down] = [normal(m * r, 1), normal(r * n, 2)]
    const a = new Float32Array(m * n)
    await plainMatMul(up, down, a, [m, r, n])
    const svd = await leadingSvd(a, [m, n], 5, SKETCH)
    expect(worst(rebuilt(svd, m, n), a)).toBeLessThan(1e-5)
    expect(svd.values[2]).toBeGreaterThan(1)
    expect(Math.max(...svd.values.slice(3))).toBeLessThan(1e-4)
  })

  it('gives zeros for a matrix of zeros', async () => {
    const { values } = await leadingSvd(new Float32Array(12), [3, 4], 2, SKETCH)
    expect([...values]).toEqual([0, 0])
  })

  it('is the same for the same seed', async () => {
    const a = normal(60 * 50, 7)
    const [first, again] = [
      await leadingSvd(a, [60, 50], 4, SKETCH),
      await leadingSvd(a, [60, 50], 4, SKETCH),
    ]
    expect(first).toEqual(again)
  })

  it('agrees with all singular values where it takes all directions', async () => {
    const a = normal(8 * 5, 3)
    const { values } = await leadingSvd(a, [8, 5], 5, SKETCH)
    expect(worst(values, await allSingularValues(a, [8, 5], plainMatMul))).toBeLessThan(1e-5)
  })
})

describe('svdOfProduct', () => {
  it('decomposes up @ down without forming it, also where ranks are wasted', async () => {
    const [m, r, n] = [9, 4, 7]
    const [up, down] = [Float64Array.from(normal(m * r, 1)), Float64Array.from(normal(r * n, 2))]
    for (let i = 0; i < m; i++) up[i * r + 3] = 2 * up[i * r]! // column 3 adds no direction
    const product = new Float64Array(m * n)
    await plainMatMul(up, down, product, [m, r, n])
    const svd = await svdOfProduct(up, down, [m, r, n], plainMatMul)
    expect(worst(rebuilt(svd, m, n), product)).toBeLessThan(1e-9)
    const all = await allSingularValues(Float32Array.from(product), [m, n], plainMatMul)
    expect(worst(svd.values.slice(0, 3), all)).toBeLessThan(1e-5)
    expect(svd.values[3]).toBeLessThan(1e-6)
  })
})

it('transpose turns rows into columns', () => {
  expect([...transposeValues(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6])
})

it('seedFor gives other seeds to other names, and to other seeds', () => {
  expect(new Set([seedFor('a', 0), seedFor('b', 0), seedFor('a', 1), seedFor('a', 0)]).size).toBe(3)
})
