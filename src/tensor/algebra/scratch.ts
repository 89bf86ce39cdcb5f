import { borrow, giveBack } from '../numeric/spare-buffers.ts'
import type { Floats, Precision } from './matmul.ts'

/** Room for `length` values of any content, to be given back with `release`. */
export function scratch(precision: Precision, length: number): Floats {
  if (precision === 'F32') return new Float32Array(borrow(4 * length).buffer, 0, length)
  return new Float64Array(borrow(8 * length).buffer, 0, length)
}

export function release(...values: readonly Floats[]): void {
  giveBack(...values.map(({ buffer }) => new Uint8Array(buffer)))
}
