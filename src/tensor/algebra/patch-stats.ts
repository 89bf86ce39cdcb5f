import { compareFloats, KERNEL_VALUES } from '../compare-kernels.ts'
import { blockBytes, type DType } from '../dtype.ts'
import { decodeNumbers } from '../float.ts'
import type { Floats } from './matmul.ts'

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
  written: Uint8Array,
): void {
  let total = into.get(name) ?? NO_PATCH
  for (let begin = 0; begin < after.length; begin += KERNEL_VALUES) {
    const end = Math.min(begin + KERNEL_VALUES, after.length)
    const [b, a] = [before.subarray(begin, end) as Floats, after.subarray(begin, end) as Floats]
    const w = written.subarray(blockBytes(dtype, 0, begin), blockBytes(dtype, 0, end))
    total = addPatchStats(total, countFast(b, a, dtype, w) ?? countExactly(b, a, dtype, w))
  }
  into.set(name, total)
}

/** By the kernels of `diff`; undefined for values they are not made for. */
function countFast(before: Floats, after: Floats, dtype: DType, written: Uint8Array): PatchStats | undefined {
  if (!(before instanceof Float32Array && after instanceof Float32Array)) return undefined
  const [b, a, count] = [bytesOf(before), bytesOf(after), after.length]
  const change = compareFloats('F32', b, 'F32', a, count)
  const rounding = change && compareFloats('F32', a, dtype, written, count)
  const outcome = rounding && compareFloats('F32', b, dtype, written, count)
  if (!outcome) return undefined
  return {
    count,
    base2: change.squares,
    delta2: change.differences,
    error2: rounding.differences,
    changed: outcome.changed,
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function countExactly(before: Floats, after: Floats, dtype: DType, written: Uint8Array): PatchStats {
  const values = new Float64Array(after.length)
  decodeNumbers(dtype, written, values)
  let base2 = 0
  let delta2 = 0
  let error2 = 0
  let changed = 0
  for (let i = 0; i < after.length; i++) {
    const old = before[i]!
    const delta = after[i]! - old
    const error = values[i]! - after[i]!
    base2 += old * old
    delta2 += delta * delta
    error2 += error * error
    if (values[i] !== old) changed++
  }
  return { count: after.length, base2, delta2, error2, changed }
}
