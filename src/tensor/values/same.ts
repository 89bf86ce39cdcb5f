import { blockBytes, elementCount } from './dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto } from './expr.ts'
import type { Tensor } from './table.ts'

/** Elements compared at once. */
const BLOCK = 256 * 1024

/** Whether two tensors of one type and size have the same bytes. Reads no further than the first difference. */
export async function sameValues(a: Tensor, b: Tensor, read: ReadInto): Promise<boolean> {
  const count = elementCount(a.shape)
  if (a.dtype !== b.dtype || count !== elementCount(b.shape)) return false
  const evaluation = newEvaluation(read)
  for (let begin = 0; begin < count; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, count)
    const [left, right] = [a, b].map(({ dtype }) => new Uint8Array(blockBytes(dtype, begin, end)))
    await evaluateInto(a, begin, end, left!, evaluation)
    await evaluateInto(b, begin, end, right!, evaluation)
    if (Buffer.compare(left!, right!) !== 0) return false
  }
  return true
}
