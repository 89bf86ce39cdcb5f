import { matrixOf } from '../../tensor/algebra/matrix.ts'
import { type Algorithm, dim, flatColumns, plainSpellings, targetShape } from './algorithm.ts'
import { matrixSize, miscounted } from './factors.ts'

/** Replaces the tensor, whatever the strength. Black Forest Labs' control LoRAs set norm scales so. */
export const setWeight: Algorithm = {
  id: 'set-weight',
  title: 'replaced weights',
  spellings: plainSpellings('set_weight'),
  required: [['set_weight']],
  optional: [],
  target: (parts) => targetShape(dim(parts, 'set_weight', 0), flatColumns(parts, 'set_weight')),
  patch: (parts, { weight }) => matrixOf(parts.get('set_weight')!, weight.rows),
  targetShapeError(parts, shape) {
    const [rows, columns] = matrixSize(shape)
    return miscounted(parts, 'set_weight', rows * columns, 'elements')
  },
}
