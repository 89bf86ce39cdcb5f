import { messages } from './messages.ts'
import { type MergeMethod, weighted } from './method.ts'

/** Beyond this cosine the arc is a line, and the sine of its angle too small to divide by. As mergekit has it. */
const NEARLY_PARALLEL = 0.9995

export const slerp: MergeMethod = {
  id: 'slerp',
  formula: () => messages.slerp,
  definition: () => messages.slerpSource(NEARLY_PARALLEL),
  models: [2, 2],
  alpha: { takes: 'one', byDefault: () => 0.5, describe: () => messages.slerpAlpha },
  /** Shares of A and B. */
  async survey(walk, _, { alpha }) {
    let [aa, bb, ab] = [0, 0, 0]
    await walk(([a, b]) => {
      for (let i = 0; i < a!.length; i++) {
        aa += a![i]! * a![i]!
        bb += b![i]! * b![i]!
        ab += a![i]! * b![i]!
      }
    })
    return Float64Array.from(arc(ab / Math.sqrt(aa * bb), alpha[0]!))
  },
  shares: (_, facts) => facts,
  combine(block) {
    weighted(block, block.facts)
  },
  copyOf({ alpha }) {
    return alpha[0] === 0 ? 0 : alpha[0] === 1 ? 1 : undefined
  },
}

function arc(cosine: number, t: number): [number, number] {
  // a tensor of zeros has no angle
  if (!(Math.abs(cosine) <= NEARLY_PARALLEL)) return [1 - t, t]
  const angle = Math.acos(cosine)
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
}
