import { rowMajorStrides } from '../values/strided.ts'
import type { Floats } from './matmul.ts'

/** Writes an array of `shape` to `out` with its axes in another order: axis i of the result is axis order[i]. */
export function permuteInto(
  values: Floats,
  shape: readonly number[],
  order: readonly number[],
  out: Floats,
): void {
  const strides = rowMajorStrides(shape)
  const sizes = order.map((axis) => shape[axis]!)
  const steps = order.map((axis) => strides[axis]!)
  const last = sizes.length - 1
  const [inner, innerStep] = [sizes[last] ?? 1, steps[last] ?? 0]
  let at = 0
  const walk = (axis: number, from: number): void => {
    if (axis >= last) {
      for (let i = 0; i < inner; i++) out[at++] = values[from + i * innerStep]!
      return
    }
    for (let i = 0; i < sizes[axis]!; i++) walk(axis + 1, from + i * steps[axis]!)
  }
  if (out.length > 0) walk(0, 0)
}
