import type { MergeMethod, MergeParameters } from './method.ts'

/** Of the first model, then of the others. */
function weights({ alpha }: MergeParameters): number[] {
  return [1 - alpha.reduce((sum, share) => sum + share, 0), ...alpha]
}

export const weightedSum: MergeMethod = {
  id: 'weighted-sum',
  formula: '(1 - alpha) A + alpha B; of more models (1 - alpha1 - alpha2 ...) A + alpha1 B + alpha2 C ...',
  definition: 'A1111 "Weighted sum"; with three models "triple sum" of supermerger',
  models: [2, Number.POSITIVE_INFINITY],
  alpha: { takes: 'each', byDefault: (models) => 1 / models, describe: 'share of each further model' },
  combine({ models, out, parameters }) {
    const [a, b] = models
    const [share, other] = weights(parameters)
    if (models.length > 2) sumAll(models, weights(parameters), out)
    else for (let i = 0; i < out.length; i++) out[i] = share! * a![i]! + other! * b![i]!
  },
  copyOf(parameters) {
    const shares = weights(parameters)
    const only = shares.indexOf(1)
    return shares.every((share, i) => share === 0 || i === only) && only >= 0 ? only : undefined
  },
}

/** All products of an element before the next element: every sum stays in binary64. */
function sumAll(
  models: readonly ArrayLike<number>[],
  shares: readonly number[],
  out: Float32Array | Float64Array,
): void {
  for (let i = 0; i < out.length; i++) {
    let sum = 0
    for (let m = 0; m < models.length; m++) sum += shares[m]! * models[m]![i]!
    out[i] = sum
  }
}
