import { describe, expect, it } from 'vitest'
import { fillNormal, seedFor, uniformNumbers } from '../../../src/tensor/algebra/random.ts'

describe('uniformNumbers', () => {
  // mulberry32 with whole numbers of Python
  it.each([
    [0, [1144304738, 1416247, 958946056, 627933444]],
    [1, [2693262067, 11749833, 2265367787, 4213581821]],
    [12345, [4207900869, 1317490944, 2079646450, 3513001552]],
    [4294967295, [3850105811, 813802916, 3073704848, 4054706436]],
    [-1, [3850105811, 813802916, 3073704848, 4054706436]],
  ])('of seed %d are those of mulberry32', (seed, expected) => {
    const next = uniformNumbers(seed)
    expect(expected.map(() => next() * 2 ** 32)).toEqual(expected)
  })
})

it.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('seedFor of seed 0 is FNV-1a: "%s"', (name, hash) => {
  // test vectors of Fowler, Noll and Vo
  expect(seedFor(name, 0)).toBe(hash)
})

describe('fillNormal', () => {
  it.each([4, 5])('gives pairs by the formula of Box and Muller, %d numbers', (count) => {
    const next = uniformNumbers(7)
    const expected = Array.from({ length: 3 }, () => [next(), next()]).flatMap(([u, v]) => {
      const radius = Math.sqrt(-2 * Math.log(1 - u!))
      return [radius * Math.cos(2 * Math.PI * v!), radius * Math.sin(2 * Math.PI * v!)]
    })
    const out = new Float32Array(count)
    fillNormal(out, 7)
    expect([...out]).toEqual([...Float32Array.from(expected.slice(0, count))])
  })

  it('has the moments of a normal distribution', () => {
    const values = new Float32Array(100_000)
    fillNormal(values, 1)
    const moment = (k: number) => values.reduce((sum, value) => sum + value ** k, 0) / values.length
    // 0, 1, 0, 3, within five standard errors
    expect(Math.abs(moment(1))).toBeLessThan(0.016)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.023)
    expect(Math.abs(moment(3))).toBeLessThan(0.07)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.16)
  })
})
