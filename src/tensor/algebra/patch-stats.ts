import { newCastStats } from '../numeric/cast-stats.ts'
import { castFloats, decodeNumbers } from '../numeric/float.ts'
import type { HalfType, PatchBuffers, PatchSums } from '../numeric/float-kernels.ts'
import type { DType, OutputDType } from '../values/dtype.ts'
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
  /** Elements whose written value is not the one before, rounded to the same type. */
  readonly changed: number
}

export const NO_PATCH: PatchStats = { count: 0, base2: 0, delta2: 0, error2: 0, changed: 0 }

/** The counts and sums of two disjoint parts, together. */
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
  into.set(name, addPatchStats(into.get(name) ?? NO_PATCH, countExactly(before, after, dtype, written)))
}

/**
 * Sums of squares below this may have lost values whose squares are below the range of binary32:
 * 131,072 of them are 2^-109 together. Above it, that is nothing.
 */
const SMALLEST_SUM = 2 ** -80

/** The same of a block in the kernels' memory, rounded there. */
export function countSums(
  into: Map<string, PatchStats>,
  name: string,
  dtype: HalfType,
  room: PatchBuffers,
  sums: PatchSums,
): void {
  if (!isUnchanged(room) && (sums.base2 < SMALLEST_SUM || sums.delta2 < SMALLEST_SUM))
    countPatch(into, name, dtype, room.before, room.after, room.result)
  else into.set(name, addPatchStats(into.get(name) ?? NO_PATCH, { count: room.after.length, ...sums }))
}

/** Models that are merged often have whole tensors in common. */
function isUnchanged({ before, after }: PatchBuffers): boolean {
  const [old, made] = [before, after].map(({ buffer, byteOffset, byteLength }) => {
    return Buffer.from(buffer, byteOffset, byteLength)
  })
  return Buffer.compare(old!, made!) === 0
}

function countExactly(before: Floats, after: Floats, dtype: DType, written: Uint8Array): PatchStats {
  const [values, kept] = [new Float64Array(after.length), new Float64Array(after.length)]
  decodeNumbers(dtype, written, values)
  decodeNumbers(dtype, encoded(before, dtype, written.byteLength), kept)
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
    if (values[i] !== kept[i]) changed++
  }
  return { count: after.length, base2, delta2, error2, changed }
}

function encoded(values: Floats, dtype: DType, byteLength: number): Uint8Array {
  const out = new Uint8Array(byteLength)
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const from = values instanceof Float32Array ? 'F32' : 'F64'
  const between = new Float32Array(from === 'F32' ? 0 : values.length)
  castFloats(from, dtype as OutputDType, bytes, out, between, newCastStats())
  return out
}
