import { type MergeMethod, type MergeParameters, weighted } from './method.ts'

/** Of the first model, then of the others. */
function shares({ alpha }: MergeParameters): number[] {
  return [1 - alpha.reduce((sum, share) => sum + share, 0), ...alpha]
}

export const weightedSum: MergeMethod = {
  id: 'weighted-sum',
  formula: '(1 - alpha) A + alpha B; of more models (1 - alpha1 - alpha2 ...) A + alpha1 B + alpha2 C ...',
  definition: 'A1111 "Weighted sum"; with three models "triple sum" of supermerger',
  models: [2, Number.POSITIVE_INFINITY],
  alpha: { takes: 'each', byDefault: (models) => 1 / models, describe: 'share of each further model' },
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
