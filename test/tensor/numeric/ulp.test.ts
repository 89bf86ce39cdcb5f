import { describe, expect, it } from 'vitest'
import { distanceInUlps } from '../../../src/tensor/numeric/ulp.ts'

describe('distanceInUlps', () => {
  it('counts in steps of the type at the exact value', () => {
    // halves between 1 and 2 are 2^-10 apart, those just below 1 2^-11
    expect(distanceInUlps(1 + 2 ** -10, 1, 'F16')).toBe(1)
    expect(distanceInUlps(1, 1 - 2 ** -12, 'F16')).toBe(0.5)
    expect(distanceInUlps(-3, -3 + 2 ** -7, 'BF16')).toBe(0.5)
    expect(distanceInUlps(2 ** 40 + 2 ** 18, 2 ** 40, 'F32')).toBe(2)
    expect(distanceInUlps(240, 232, 'F8_E4M3')).toBe(0.5)
  })

  it('has equal steps below the smallest normal number, and at zero', () => {
    expect(distanceInUlps(2 ** -24, 0, 'F16')).toBe(1)
    expect(distanceInUlps(0, 2 ** -26, 'F16')).toBe(0.25)
    expect(distanceInUlps(3 * 2 ** -24, 2 ** -23, 'F16')).toBe(1)
  })

  it('takes what has no finite neighbour for correct, and nothing else for infinite', () => {
    expect(distanceInUlps(Number.POSITIVE_INFINITY, 65520, 'F16')).toBe(0)
    expect(distanceInUlps(Number.POSITIVE_INFINITY, 65519, 'F16')).toBe(Number.POSITIVE_INFINITY)
    expect(distanceInUlps(Number.NaN, 1, 'F16')).toBe(Number.POSITIVE_INFINITY)
    expect(distanceInUlps(1, Number.NaN, 'F16')).toBe(Number.POSITIVE_INFINITY)
    expect(distanceInUlps(Number.NaN, Number.NaN, 'F16')).toBe(0)
    expect(distanceInUlps(Number.NaN, 500, 'F8_E4M3')).toBe(0)
  })
})
