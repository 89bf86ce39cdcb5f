import { added, scaleColumns, scaleRows } from '../../tensor/algebra/matrix.ts'
import { type Algorithm, type Numbers, type Parts, targetShape } from './algorithm.ts'
import { column, miscounted, numberOf } from './factors.ts'
import { messages } from './messages.ts'

/**
 * W' = W * (1 + strength * w), along the inputs if `on_input`, else along the outputs. No alpha.
 *
 * | tensor   | linear     | conv         |
 * | weight   | (n,)       | (1, n, 1, 1) |
 * | on_input | 0-D, 0 or 1               |
 */
export const ia3: Algorithm = {
  id: 'ia3',
  title: 'IA3',
  spellings: [
    { suffix: 'on_input', role: 'on_input' },
    { suffix: 'weight', role: 'weight', trust: 'companion' },
  ],
  required: [['weight', 'on_input']],
  optional: [],
  // Which side the vector is for stands in the value of on_input, so shapes alone do not tell the target.
  target: () => targetShape(undefined, undefined),
  scalarInputs: { on_input: 1 },
  patch(parts, { weight, ratio, numbers }) {
    const scale = onInput(parts, numbers) ? scaleColumns : scaleRows
    return added(weight, ratio, scale(weight, column(parts, 'weight')))
  },
  targetShapeError: (parts, [rows = 1, inputs = 1], numbers) =>
    onInput(parts, numbers)
      ? miscounted(parts, 'weight', inputs, 'inputs')
      : miscounted(parts, 'weight', rows, 'outputs'),
  shapeError: (parts: Parts) =>
    (parts.get('weight')?.shape.filter((n) => n !== 1).length ?? 0) > 1
      ? messages.weightNotVector
      : undefined,
}

function onInput(parts: Parts, numbers: Numbers): boolean {
  return numberOf(parts, numbers, 'on_input') !== 0
}
