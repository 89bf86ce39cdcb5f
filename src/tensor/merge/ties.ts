import { kthLargest } from './kth-largest.ts'
import { messages } from './messages.ts'
import { type MergeMethod, nothingAdded } from './method.ts'

export const ties: MergeMethod = {
  id: 'ties',
  formula: () => messages.ties,
  definition: () => messages.tiesSource,
  models: [2, Number.POSITIVE_INFINITY],
  alpha: { takes: 'one', byDefault: () => 1, describe: () => messages.tiesAlpha },
  density: 0.2,
  /** The smallest magnitude that is kept of each difference. */
  async survey(walk, { models, rows, columns }, { density }) {
    const kept = Math.max(1, Math.floor(density * rows * columns))
    const thresholds = new Float64Array(models - 1)
    for (let m = 1; m < models; m++) {
      thresholds[m - 1] = await kthLargest((visit) => {
        return walk((all) => {
          const [base, model] = [all[0]!, all[m]!]
          for (let i = 0; i < base.length; i++) visit(Math.abs(model[i]! - base[i]!))
        })
      }, kept)
    }
    return thresholds
  },
  combine({ models, out, parameters, facts }) {
    const alpha = parameters.alpha[0]!
    for (let i = 0; i < out.length; i++) out[i] = models[0]![i]! + alpha * elected(models, i, facts)
  },
  copyOf: nothingAdded,
}

/** Mean of the kept differences whose sign is that of their sum; 0 if there are none. */
function elected(models: readonly ArrayLike<number>[], i: number, thresholds: Float64Array): number {
  let [up, ups, down, downs] = [0, 0, 0, 0]
  for (let m = 1; m < models.length; m++) {
    const difference = models[m]![i]! - models[0]![i]!
    if (Math.fround(Math.abs(difference)) < thresholds[m - 1]!) continue
    if (difference > 0) {
      up += difference
      ups++
    } else if (difference < 0) {
      down += difference
      downs++
    }
  }
  const sum = up + down
  return sum > 0 ? up / ups : sum < 0 ? down / downs : 0
}
