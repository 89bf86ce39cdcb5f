/** What the methods have in common: their models, their own numbers, and what is a copy. By hand; formulas are held by goldens. */
import { describe, expect, it } from 'vitest'
import { MERGE_METHODS } from '../../../src/tensor/merge/registry.ts'
import { merged } from './merged.ts'

const ROOT_HALF = Math.SQRT1_2

/** The formula of each method by hand, and where its own numbers come from. */
const BY_DEFAULT: readonly [id: string, models: number[][], expected: number[]][] = [
  // the mean of all; sd-mecha has 0.5 for two
  ['weighted-sum', [[2], [4]], [3]],
  ['weighted-sum', [[1], [2], [3], [10]], [4]],
  // sd-mecha: 1
  ['add-difference', [[5], [7], [4]], [5 + (7 - 4)]],
  // sd-mecha: 1, of 1.8 |B - A| / (|B - C| + |B - A|)
  ['train-difference', [[1], [3], [2]], [1 + (1.8 * 1 * 2) / 3]],
  // half of each sum
  ['sum-twice', [[1], [3], [10]], [(1 + 3) / 4 + 10 / 2]],
  // a constant difference is smooth already
  ['smooth-add', [Array(6).fill(1), Array(6).fill(5), Array(6).fill(3)], Array(6).fill(1 + (5 - 3))],
  // one column, of cosine sqrt(1/2) in itself and as a whole: k of supermerger is that, less alpha 0
  ['cosine-a', [[1, 0], [1, 1]], [1, 1 - ROOT_HALF]], // biome-ignore format: one line
  ['cosine-b', [[1, 0], [1, 1]], [1, 1 - ROOT_HALF]], // biome-ignore format: one line
  // half of a right angle; sd-mecha: 0.5
  ['slerp', [[1, 0], [0, 1]], [ROOT_HALF, ROOT_HALF]], // biome-ignore format: one line
  // the paper keeps 20 %, here one of five, and adds all of it
  ['ties', [[1, 1, 1, 1, 1], [1.5, 0.5, 1, 1, 3]], [1, 1, 1, 1, 3]], // biome-ignore format: one line
  // half of the rows, from the first on
  ['tensor-swap', [[1, 2, 3, 4], [5, 6, 7, 8]], [5, 6, 3, 4]], // biome-ignore format: one line
]

describe('a method without numbers takes its own', () => {
  it.each(BY_DEFAULT)('%s of %j is %j', async (id, models, expected) => {
    const found = await merged(id, models)
    expect(found.length).toBe(expected.length)
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 12)
  })

  it('dare adds the mean of the differences: of each one of ten values, scaled up by ten', async () => {
    const count = 2000
    const [base, one, other] = [1, 3, 7].map((value) => Array<number>(count).fill(value))
    for (const value of await merged('dare', [base!, one!, other!], { density: 1 }))
      expect(value).toBeCloseTo(1 + (2 + 6) / 2, 12)
    const sparse = (await merged('dare', [base!, one!])).map((value) => Math.round(value * 1e9) / 1e9)
    expect(new Set(sparse)).toEqual(new Set([1, 1 + 10 * 2]))
    const kept = sparse.filter((value) => value !== 1).length
    // five standard deviations
    expect(Math.abs(kept - count / 10)).toBeLessThan(5 * Math.sqrt(count * 0.1 * 0.9))
  })

  it('each is here', () => {
    const shown = new Set([...BY_DEFAULT.map(([id]) => id), 'dare'])
    expect(MERGE_METHODS.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([])
  })
})

it.each(MERGE_METHODS.map(({ id, models, formula }) => [id, formula(), models] as const))(
  '%s takes as many models as its formula names: %s',
  (_, formula, [min, max]) => {
    const named = new Set(formula.match(/\b[ABC]\b/g)).size
    expect(max).toBe(formula.includes('...') ? Number.POSITIVE_INFINITY : Math.max(2, named))
    expect(min).toBe(formula.includes('...') ? 2 : max)
  },
)

describe('where a method says that its result is a copy', () => {
  const MODELS = [[0.3, -2.5, 1.7, 0.9], [-0.6, 1.1, 0.2, 3.3], [2.2, 0.8, -1.9, 0.1]] // biome-ignore format: one line
  const NUMBERS = [0, 0.5, 1]

  it.each(MERGE_METHODS.filter(({ copyOf }) => copyOf !== undefined))(
    '$id: it is that model, and no other numbers give one',
    async ({ id, models, copyOf, alpha: { takes } }) => {
      for (const count of new Set([models[0], Math.min(models[1], 3)])) {
        const given = MODELS.slice(0, count)
        for (const alpha of takes === 'one' || count === 2 ? NUMBERS.map((one) => [one]) : pairs(NUMBERS)) {
          for (const beta of NUMBERS) {
            const parameters = { alpha, beta, density: 0.5, seed: 1, range: [0, 1] } as const
            const matrix = await merged(id, given, parameters)
            const scalar = await merged(id, given.map(([value]) => [value!]), parameters, []) // biome-ignore format: one line
            const same = given.findIndex(
              (values) => values.every((value, i) => value === matrix[i]) && values[0] === scalar[0],
            )
            expect([alpha, beta, copyOf!(parameters) ?? -1]).toEqual([alpha, beta, same])
          }
        }
      }
    },
  )
})

function pairs(numbers: readonly number[]): number[][] {
  return numbers.flatMap((one) => numbers.map((other) => [one, other]))
}
