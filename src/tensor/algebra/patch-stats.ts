import type { DType } from '../dtype.ts'
import { decodeNumbers } from '../float.ts'
import type { Floats } from './matmul.ts'
import { release, scratch } from './scratch.ts'

/** What a patch did to a tensor. The names say sums of squares over its elements. */
export interface PatchStats {
  /** Elements. */
  readonly count: number
  /** Of the weight before. */
  readonly base2: number
  /** Of the change: exact new value - value before. */
  readonly delta2: number
  /** Of what rounding did: written value - exact new value. */
  readonly error2: number
  /** Elements whose written value is not the one before. */
  readonly changed: number
}

export const NO_PATCH: PatchStats = { count: 0, base2: 0, delta2: 0, error2: 0, changed: 0 }

export function addPatchStats(a: PatchStats, b: PatchStats): PatchStats {
  return {
    count: a.count + b.count,
    base2: a.base2 + b.base2,
    delta2: a.delta2 + b.delta2,
    error2: a.error2 + b.error2,
    changed: a.changed + b.changed,
  }
}

/** Counts a block under the name of its tensor: its values before and after, and the bytes that are written. */
export function countPatch(
  into: Map<string, PatchStats>,
  name: string,
  dtype: DType,
  before: Floats,
  after: Floats,
  bytes: Uint8Array,
): void {
  const written = scratch(after instanceof Float32Array ? 'F32' : 'F64', after.length)
  decodeNumbers(dtype, bytes, written)
  const block =
    before instanceof Float32Array && after instanceof Float32Array && written instanceof Float32Array
      ? count32(before, after, written)
      : count64(before, after, written)
  release(written)
  into.set(name, addPatchStats(into.get(name) ?? NO_PATCH, block))
}

// The same loop twice, each over arrays of one type: a loop over either type is several times slower.

function count32(before: Float32Array, after: Float32Array, written: Float32Array): PatchStats {
  let [base2, delta2, error2, changed] = [0, 0, 0, 0]
  for (let i = 0; i < after.length; i++) {
    const [b, a, w] = [before[i]!, after[i]!, written[i]!]
    base2 += b * b
    delta2 += (a - b) * (a - b)
    error2 += (w - a) * (w - a)
    if (w !== b) changed++
  }
  return { count: after.length, base2, delta2, error2, changed }
}

function count64(before: Floats, after: Floats, written: Floats): PatchStats {
  let [base2, delta2, error2, changed] = [0, 0, 0, 0]
  for (let i = 0; i < after.length; i++) {
    const [b, a, w] = [before[i]!, after[i]!, written[i]!]
    base2 += b * b
    delta2 += (a - b) * (a - b)
    error2 += (w - a) * (w - a)
    if (w !== b) changed++
  }
  return { count: after.length, base2, delta2, error2, changed }
}
