import { dtypeInfo, elementCount } from '../../tensor/values/dtype.ts'
import type { Tensor } from '../../tensor/values/table.ts'

/** Reads a whole tensor as numbers. Given by the caller, so that `src/model` opens no file. */
export type ValueReader = (tensor: Tensor) => Promise<Float64Array>

/**
 * The values of a tensor that evidence needs, if it has exactly `count` of them as plain numbers. Undefined for
 * anything else: what a file calls `num_updates` may as well be gigabytes or quantised.
 */
export async function readEvidence(
  tensor: Tensor | undefined,
  count: number,
  read: ValueReader,
): Promise<Float64Array | undefined> {
  if (!tensor || elementCount(tensor.shape) !== count || !isPlain(tensor)) return undefined
  return read(tensor)
}

/** As `readEvidence`, of one number. */
export async function readScalar(tensor: Tensor | undefined, read: ValueReader): Promise<number | undefined> {
  return (await readEvidence(tensor, 1, read))?.[0]
}

/** Of a population: divided by n. */
export function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** Stored as one number after the other. */
export function isPlain({ dtype }: Tensor): boolean {
  const { kind } = dtypeInfo(dtype)
  return kind !== 'quantised' && kind !== 'complex'
}
