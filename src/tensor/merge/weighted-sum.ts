import { messages } from './messages.ts'
import { type MergeMethod, type MergeParameters, weighted } from './method.ts'

/** Of the first model, then of the others. */
function shares({ alpha }: MergeParameters): number[] {
  return [1 - alpha.reduce((sum, share) => sum + share, 0), ...alpha]
}

export const weightedSum: MergeMethod = {
  id: 'weighted-sum',
  formula: () => messages.weightedSum,
  definition: () => messages.weightedSumSource,
  models: [2, Number.POSITIVE_INFINITY],
  alpha: { takes: 'each', byDefault: (models) => 1 / models, describe: () => messages.weightedSumAlpha },
  shares,
  combine(block) {
    weighted(block, shares(block.parameters))
  },
  copyOf(parameters) {
    const all = shares(parameters)
    const only = all.indexOf(1)
    return all.every((share, i) => share === 0 || i === only) && only >= 0 ? only : undefined
  },
}
