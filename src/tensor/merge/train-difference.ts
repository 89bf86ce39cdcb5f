import { messages } from './messages.ts'
import { type MergeMethod, nothingAdded } from './method.ts'

/** supermerger multiplies alpha by it, so that 1 adds about as much as add-difference does. */
const STRENGTH = 1.8

export const trainDifference: MergeMethod = {
  id: 'train-difference',
  formula: () => messages.trainDifference,
  definition: () => messages.trainDifferenceSource,
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 1, describe: () => messages.addDifferenceAlpha },
  combine({ models, out, parameters }) {
    const [a, b, c] = models
    const strength = STRENGTH * parameters.alpha[0]!
    for (let i = 0; i < out.length; i++) {
      const difference = b![i]! - c![i]!
      const distance = Math.abs(b![i]! - a![i]!)
      const sum = Math.abs(difference) + distance
      out[i] = sum === 0 ? a![i]! : a![i]! + (strength * difference * distance) / sum
    }
  },
  copyOf: nothingAdded,
}
