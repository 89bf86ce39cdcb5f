import { type Algorithm, dim, plainSpellings, targetShape } from './algorithm.ts'
import { column, matrixSize, miscounted, withDelta } from './factors.ts'

/** Differences of the weight and the bias of a norm layer, both (n,). A1111 wants both, ComfyUI takes the weight alone. */
export const norm: Algorithm = {
  id: 'norm',
  title: 'norm layers',
  spellings: plainSpellings('w_norm', 'b_norm'),
  required: [['w_norm']],
  optional: ['b_norm', 'alpha'],
  target: (parts) => targetShape(dim(parts, 'w_norm', 0), undefined),
  patch: (parts, input) => withDelta(input, 1, column(parts, 'w_norm')),
  targetShapeError(parts, shape) {
    const [rows, columns] = matrixSize(shape)
    return miscounted(parts, 'w_norm', rows * columns, 'elements')
  },
}
