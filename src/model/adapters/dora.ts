import {
  columnNorms,
  matrixOf,
  quotient,
  rowNorms,
  scaleColumns,
  scaleRows,
  sum,
} from '../../tensor/algebra/matrix.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Matrix, Tensor } from '../../tensor/values/table.ts'
import type { Modifier, Parts } from './algorithm.ts'
import { messages } from './messages.ts'

/**
 * Weight-decomposed adaptation: W' = V * magnitude / |V|, with V the weight as the algorithm changes it at full
 * strength. `dora_scale` of shape (1, I[, 1, 1]) is one magnitude for each input, (O, 1[, 1, 1]) one for each output.
 * PEFT's magnitudes are for outputs, in convolutions as (1, O, 1, 1).
 *
 * A strength m gives W + m (W' - W), as in ComfyUI and A1111. LyCORIS has V (1 + m (magnitude / |V| - 1)), which is the
 * same at m = 1 but leaves V, not W, at m = 0. ComfyUI divides by |W| for outputs, A1111 takes all for inputs: both are
 * not what was trained.
 */
export const dora: Modifier = {
  id: 'dora',
  title: 'DoRA',
  spellings: [
    { suffix: 'dora_scale', role: 'dora_scale' },
    { suffix: 'lora_magnitude_vector', role: 'magnitude' },
    { suffix: 'lora_magnitude_vector.weight', role: 'magnitude' },
  ],
  markerRoles: ['dora_scale', 'magnitude'],
  of: ['lora', 'loha', 'lokr', 'glora', 'oft', 'boft'],
  patch(parts, { weight, shape, ratio }, full) {
    const scaled = withMagnitudes(parts, full, shape)
    return ratio === 1 ? scaled : sum({ factor: 1 - ratio, of: weight }, { factor: ratio, of: scaled })
  },
  targetShapeError: (parts, shape) =>
    axisOf(parts, shape) === undefined ? messages.doraMagnitudes(magnitudes(parts).shape) : undefined,
}

function magnitudes(parts: Parts): Tensor {
  return (parts.get('magnitude') ?? parts.get('dora_scale'))!
}

function axisOf(parts: Parts, [outputs, inputs]: readonly number[]): 'outputs' | 'inputs' | undefined {
  const { shape } = magnitudes(parts)
  const count = elementCount(shape)
  const perOutput = parts.has('magnitude') || shape.length < 2 || shape[0] === outputs
  if (perOutput && count === outputs) return 'outputs'
  return shape[0] === 1 && shape[1] === inputs && count === inputs ? 'inputs' : undefined
}

function withMagnitudes(parts: Parts, full: Matrix, shape: readonly number[]): Matrix {
  const magnitude = matrixOf(magnitudes(parts), elementCount(magnitudes(parts).shape), 1)
  return axisOf(parts, shape) === 'outputs'
    ? scaleRows(full, quotient(magnitude, rowNorms(full)))
    : scaleColumns(full, quotient(magnitude, columnNorms(full, magnitude.rows)))
}
