import { messages } from './messages.ts'
import { type MergeMethod, type MergeParameters, weighted } from './method.ts'

function shares({ alpha, beta }: MergeParameters): number[] {
  return [(1 - beta) * (1 - alpha[0]!), (1 - beta) * alpha[0]!, beta]
}

export const sumTwice: MergeMethod = {
  id: 'sum-twice',
  formula: () => messages.sumTwice,
  definition: () => messages.sumTwiceSource,
  models: [3, 3],
  alpha: { takes: 'one', byDefault: () => 0.5, describe: () => messages.sumTwiceAlpha },
  beta: 0.5,
  shares,
  combine(block) {
    weighted(block, shares(block.parameters))
  },
  copyOf({ alpha, beta }) {
    if (beta === 1) return 2
    if (beta !== 0) return undefined
    return alpha[0] === 0 ? 0 : alpha[0] === 1 ? 1 : undefined
  },
}
