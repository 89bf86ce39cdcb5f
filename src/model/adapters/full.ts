import { type Algorithm, flatColumns, kernelOf, plainSpellings, targetShape } from './algorithm.ts'
import { countOf, factor, isLatentPart, matrixSize, miscounted, withDelta } from './factors.ts'

/**
 * The difference itself: W' = W + strength * diff, and `diff_b` for the bias of the same module. `diff` has the
 * shape of the weight. Alpha, if there, is ignored.
 */
export const full: Algorithm = {
  id: 'full',
  title: 'full difference',
  spellings: plainSpellings('diff', 'diff_b'),
  required: [['diff'], ['diff_b']],
  optional: ['diff_b', 'alpha'],
  target: (parts) =>
    targetShape(
      (parts.get('diff') ?? parts.get('diff_b'))?.shape[0],
      flatColumns(parts, 'diff'),
      kernelOf(parts, 'diff'),
    ),
  // A module may have a difference of the bias alone.
  patch: (parts, input) => (parts.has('diff') ? withDelta(input, 1, factor(parts, 'diff')) : input.weight),
  targetShapeError(parts, shape, _numbers, latents) {
    const [rows, columns] = matrixSize(shape)
    return isLatentPart((countOf(parts, 'diff') ?? 0) / rows, shape, latents)
      ? undefined
      : miscounted(parts, 'diff', rows * columns, 'elements')
  },
}
