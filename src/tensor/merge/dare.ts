import { messages } from './messages.ts'
import { type MergeMethod, nothingAdded } from './method.ts'

export const dare: MergeMethod = {
  id: 'dare',
  formula: () => messages.dare,
  definition: () => messages.dareSource,
  models: [2, Number.POSITIVE_INFINITY],
  alpha: {
    takes: 'each',
    byDefault: (models) => 1 / (models - 1),
    describe: () => messages.dareAlpha,
  },
  density: 0.1,
  seeded: true,
  combine({ models, out, begin, columns, parameters: { alpha, density, seed } }) {
    const below = density * 2 ** 32
    for (let i = 0; i < out.length; i++) {
      const base = models[0]![i]!
      let sum = 0
      for (let m = 1; m < models.length; m++) {
        if (randomBits(seed, begin * columns + i, m) < below) sum += alpha[m - 1]! * (models[m]![i]! - base)
      }
      out[i] = base + sum / density
    }
  },
  copyOf: nothingAdded,
}

/**
 * 32 random bits for an element of a model, whatever block it is in: a counter through the finalizer of MurmurHash3
 * (Appleby, public domain), twice.
 * @param index element of the tensor
 */
export function randomBits(seed: number, index: number, model: number): number {
  return mixed(mixed(seed ^ Math.imul(model, 0x9e3779b9)) ^ index) >>> 0
}

function mixed(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
