import { acquireBuffer, releaseBuffers } from '../numeric/spare-buffers.ts'
import type { Floats, Precision } from './matmul.ts'

/** Room for `length` values of any content, to be given back with `release`. */
export function acquireFloats(precision: Precision, length: number): Floats {
  if (precision === 'F32') return new Float32Array(acquireBuffer(4 * length).buffer, 0, length)
  return new Float64Array(acquireBuffer(8 * length).buffer, 0, length)
}

export function releaseFloats(...values: readonly Floats[]): void {
  releaseBuffers(...values.map(({ buffer }) => new Uint8Array(buffer)))
}
