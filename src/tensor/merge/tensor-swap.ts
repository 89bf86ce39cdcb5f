import { messages } from './messages.ts'
import type { MergeMethod } from './method.ts'

/**
 * Rows of B among those of A: [from, to) are B's, or all but them. Written as supermerger counts them, with truncation
 * of products in binary64.
 */
function swappedRows(
  rows: number,
  alpha: number,
  beta: number,
): { from: number; to: number; inside: boolean } {
  const inside = alpha + beta <= 1
  return inside
    ? { from: Math.trunc(rows * beta), to: Math.trunc(rows * (alpha + beta)), inside }
    : { from: Math.trunc(rows * (alpha + beta - 1)), to: Math.trunc(rows * beta), inside }
}

export const tensorSwap: MergeMethod = {
  id: 'tensor-swap',
  formula: () => messages.tensorSwap,
  definition: () => messages.tensorSwapSource,
  models: [2, 2],
  alpha: { takes: 'one', byDefault: () => 0.5, describe: () => messages.tensorSwapAlpha },
  beta: 0,
  combine({ models, out, begin, end, rows, columns, shape, parameters: { alpha, beta } }) {
    const [a, b] = models
    const { from, to, inside } = swappedRows(rows, alpha[0]!, beta)
    for (let row = begin; row < end; row++) {
      const isSwapped = shape.length > 0 && (row >= from && row < to) === inside
      const at = (row - begin) * columns
      out.set((isSwapped ? b! : a!).subarray(at, at + columns), at)
    }
  },
  copyOf({ alpha }) {
    return alpha[0] === 0 ? 0 : undefined
  },
}
