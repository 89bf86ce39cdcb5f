import { messages } from './messages.ts'
import { type MergeMethod, nothingAdded } from './method.ts'

export const addDifference: MergeMethod = {
  id: 'add-difference',
  formula: () => messages.addDifference,
  definition: () => messages.addDifferenceSource,
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 1, describe: () => messages.addDifferenceAlpha },
  combine({ models, out, parameters }) {
    const [a, b, c] = models
    const alpha = parameters.alpha[0]!
    for (let i = 0; i < out.length; i++) out[i] = a![i]! + alpha * (b![i]! - c![i]!)
  },
  copyOf: nothingAdded,
}
