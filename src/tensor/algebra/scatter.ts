import { refuse } from '../../system/errors.ts'
import type { Matrix } from '../values/table.ts'
import { type Arithmetic, wholeOf } from './arithmetic.ts'
import type { Floats } from './matmul.ts'
import { messages } from './messages.ts'

/**
 * Sparse values at their places, zeros around them.
 * @throws BAD_SPARSE_INDEX (exit 3) for a place outside of the array
 */
export async function fillScattered(
  m: Extract<Matrix, { op: 'scatter' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const { shape, columns } = m
  const [indices, values] = [await wholeOf(m.indices, by), await wholeOf(m.values, by)]
  out.fill(0)
  for (let i = 0; i < values.length; i++) {
    let place = 0
    for (let axis = 0; axis < shape.length; axis++) {
      const index = indices[axis * values.length + i]!
      if (!(Number.isInteger(index) && index >= 0 && index < shape[axis]!)) throw badIndex(m, index, axis)
      place = place * shape[axis]! + index
    }
    const at = place - begin * columns
    if (at >= 0 && at < (end - begin) * columns) out[at] = out[at]! + values[i]!
  }
}

function badIndex(
  { indices, shape }: Extract<Matrix, { op: 'scatter' }>,
  index: number,
  axis: number,
): Error {
  const problem = messages.badSparseIndex(index, axis, shape)
  return refuse('BAD_SPARSE_INDEX', indices.op === 'tensor' ? `${indices.of.name}: ${problem}` : problem)
}
