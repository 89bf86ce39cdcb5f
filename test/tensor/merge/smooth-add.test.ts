import { expect, it } from 'vitest'
import { merged } from './merged.ts'

/** Of a Gaussian of sigma 1 that is cut off at 4, as scipy has it. */
function weight(distance: number): number {
  const distances = Array.from({ length: 9 }, (_, i) => i - 4)
  const sum = distances.reduce((total, one) => total + Math.exp(-(one ** 2) / 2), 0)
  return Math.exp(-(distance ** 2) / 2) / sum
}

it.each([[[2]], [[1, 2]], [[2, 1, 1, 1]], [[1, 2, 1, 1]], [[1, 1, 2, 1]], [[1, 1, 1, 2]]])(
  'an axis of two values is filtered, wherever it is: %j',
  async (shape) => {
    const [low, high] = await merged('smooth-add', [[10, 10], [0, 1], [0, 0]], {}, shape) // biome-ignore format: one line
    // of three values two are the own one, so the median changes nothing; mirrored they are 0 1|1 0 [0] 1|1 0|0
    const other = weight(1) + 2 * weight(2) + weight(3)
    expect(low).toBeCloseTo(10 + other, 12)
    expect(high).toBeCloseTo(10 + (1 - other), 12)
  },
)
