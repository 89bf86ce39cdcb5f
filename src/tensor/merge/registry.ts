import { addDifference } from './add-difference.ts'
import { cosineA, cosineB } from './cosine.ts'
import { dare } from './dare.ts'
import type { MergeMethod } from './method.ts'
import { slerp } from './slerp.ts'
import { smoothAdd } from './smooth-add.ts'
import { sumTwice } from './sum-twice.ts'
import { tensorSwap } from './tensor-swap.ts'
import { ties } from './ties.ts'
import { trainDifference } from './train-difference.ts'
import { weightedSum } from './weighted-sum.ts'

/** Every method, in the order of the help. A new one is a file and a line here. */
export const MERGE_METHODS: readonly MergeMethod[] = [
  weightedSum,
  addDifference,
  trainDifference,
  sumTwice,
  smoothAdd,
  cosineA,
  cosineB,
  slerp,
  ties,
  dare,
  tensorSwap,
]

const BY_ID = new Map(MERGE_METHODS.map((method) => [method.id, method]))

/** @throws RangeError for a name that no method has */
export function mergeMethod(id: string): MergeMethod {
  const method = BY_ID.get(id)
  if (method === undefined) throw new RangeError(`no merge method ${id}`)
  return method
}
