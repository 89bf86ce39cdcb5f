import { elementCount } from '../../tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { isPlain, type ValueReader } from './evidence.ts'

/**
 * The buffer `position_ids` of a CLIP encoder: 0, 1, 2 ... as int64. Weighted merges in floating point turn 76
 * into 75.9999 and a later truncation into 75, which shifts the tokens of a prompt. A file without it is fine:
 * programs rebuild it.
 */
export interface PositionIds {
  readonly tensor: Tensor
  /** Entries whose value is not their index in the row. */
  readonly wrong: number
  /** The first of them: [index, value]. */
  readonly example?: readonly [number, number]
}

/** 77 for text, 257 for a vision encoder, 730 for the largest public one; anything longer is something else. */
const MAX_POSITIONS = 4096

/** Other values, or numbers other than int64: the next merge in floating point damages those. */
export function needsRepair(ids: PositionIds): boolean {
  return ids.wrong > 0 || ids.tensor.dtype !== 'I64'
}

/** A model has a handful of encoders; a file with thousands of such names must not cost thousands of reads. */
const MAX_ENCODERS = 16

/** Reads every `position_ids` of a file. */
export async function readPositionIds(table: TensorTable, read: ValueReader): Promise<PositionIds[]> {
  const found: PositionIds[] = []
  for (const tensor of table.tensors.values()) {
    if (found.length === MAX_ENCODERS) break
    if (!tensor.name.endsWith('position_ids') || elementCount(tensor.shape) > MAX_POSITIONS) continue
    if (!isPlain(tensor)) continue
    const values = await read(tensor)
    const length = rowLength(tensor)
    const isWrong = (value: number, index: number) => value !== index % length
    const first = values.findIndex(isWrong)
    const wrong = values.reduce((count, value, index) => count + (isWrong(value, index) ? 1 : 0), 0)
    found.push({ tensor, wrong, ...(first < 0 ? {} : { example: [first, values[first]!] as const }) })
  }
  return found
}

/** The buffer is [1, 77], at times [n, 77] with the same row n times; never 0-D, but a file may say so. */
function rowLength({ shape }: Tensor): number {
  return shape.at(-1) ?? 1
}

/** The same tensor as it should be: each row 0, 1, 2 ... as int64, in the shape it has. */
export function repairedPositionIds(tensor: Tensor): Tensor {
  const length = rowLength(tensor)
  const ids = BigInt64Array.from({ length: elementCount(tensor.shape) }, (_, index) => BigInt(index % length))
  return {
    name: tensor.name,
    dtype: 'I64',
    shape: tensor.shape,
    source: { kind: 'bytes', data: new Uint8Array(ids.buffer) },
  }
}
