import { expect, it } from 'vitest'
import { merged } from './merged.ts'

/** Differences to a model of zeros, with nothing left out. */
it.each([
  // both signs weigh the same
  [[2], [-2], 0],
  // a model that changes nothing has no vote, and no part in the mean
  [[2], [0], 2],
  [[-2], [0], -2],
  [[0], [0], 0],
  [[2], [4], 3],
  [[-2], [-4], -3],
  // the sign of the sum, and only those that have it
  [[5], [-4], 5],
  [[-5], [4], -5],
])('of %j and %j the elected difference is %i', async (one, other, expected) => {
  expect(await merged('ties', [[0], one, other], { density: 1 })).toEqual([expected])
})
