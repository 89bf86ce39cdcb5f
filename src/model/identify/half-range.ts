/** Whether a network can be run in 16-bit floats, whose largest number is 65504. */
import type { TensorTable } from '../../tensor/values/table.ts'
import type { Architecture, SpreadLimit, Variant } from '../networks/architectures/architecture.ts'
import { readEvidence, standardDeviation, type ValueReader } from './evidence.ts'
import { messages } from './messages.ts'

/** No list of blocks is longer. */
const MAX_BLOCKS = 256

/**
 * Why F16 cannot be used, in plain words; undefined where it can, or nothing is known of it. Reads one norm at most.
 * @param nameOf name in the file of a key of the network
 */
export async function fp16Overflow(
  { tensors }: TensorTable,
  { fp16, title }: Architecture,
  variant: Variant | undefined,
  nameOf: (key: string) => string,
  read: ValueReader,
): Promise<string | undefined> {
  const limit = variant?.fp16 ?? fp16
  if (limit === undefined) return undefined
  if (limit === 'overflows') return messages.familyOverflows(title)
  const name = nameOf(measuredKey(limit, (key) => tensors.has(nameOf(key))))
  const values = await readEvidence(tensors.get(name), limit.width, read)
  if (values === undefined) return undefined
  const spread = standardDeviation(values)
  return spread < limit.below ? undefined : messages.spreadAbove(name, spread, limit.below)
}

function measuredKey({ list, fromEnd, norm }: SpreadLimit, has: (key: string) => boolean): string {
  let blocks = 0
  while (blocks < MAX_BLOCKS && has(`${list}.${blocks}.${norm}`)) blocks++
  return `${list}.${blocks - fromEnd}.${norm}`
}
