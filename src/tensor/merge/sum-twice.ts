import type { MergeMethod } from './method.ts'

export const sumTwice: MergeMethod = {
  id: 'sum-twice',
  formula: '(1 - beta) ((1 - alpha) A + alpha B) + beta C',
  definition: 'supermerger "sum Twice"',
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 0.5, describe: 'share of B in the first sum' },
  beta: 0.5,
  combine({ models, out, parameters: { alpha, beta } }) {
    const [a, b, c] = models
    const [first, second] = [(1 - beta) * (1 - alpha[0]!), (1 - beta) * alpha[0]!]
    for (let i = 0; i < out.length; i++) out[i] = first * a![i]! + second * b![i]! + beta * c![i]!
  },
  copyOf({ alpha, beta }) {
    if (beta === 1) return 2
    if (beta !== 0) return undefined
    return alpha[0] === 0 ? 0 : alpha[0] === 1 ? 1 : undefined
  },
}
