import { expect, it } from 'vitest'
import { randomBits } from '../../../src/tensor/merge/dare.ts'

const COUNT = 200_000

function kept(density: number, seed: number, model = 1): boolean[] {
  return Array.from({ length: COUNT }, (_, i) => randomBits(seed, i, model) < density * 2 ** 32)
}

it.each([0.1, 0.5, 0.9])(
  'keeps a share of %s of the values, to within five standard deviations',
  (density) => {
    for (const seed of [0, 1, 12345]) {
      const count = kept(density, seed).filter(Boolean).length
      expect(Math.abs(count - COUNT * density)).toBeLessThan(5 * Math.sqrt(COUNT * density * (1 - density)))
    }
  },
)

it('keeps neighbours, models and seeds independently of each other', () => {
  const one = kept(0.5, 7)
  const others = [kept(0.5, 8), kept(0.5, 7, 2), [...one.slice(1), one[0]!]]
  for (const other of others) {
    const equal = one.filter((value, i) => value === other[i]).length
    expect(Math.abs(equal - COUNT / 2)).toBeLessThan(5 * Math.sqrt(COUNT / 4))
  }
})
