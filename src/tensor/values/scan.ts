import { decodeFloats } from '../numeric/float.ts'
import { isEncoded } from '../quantised/check.ts'
import { blockBytes, DTYPES, elementCount, isFloat } from './dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto } from './expr.ts'
import type { Tensor } from './table.ts'

/** What the values of a tensor are, and what half precision would do to them. */
export interface ScanResult {
  /** Values looked at; 0 for tensors that are not float. */
  readonly values: number
  readonly nan: number
  readonly inf: number
  /** Finite values of 65520 or more, which become infinite in fp16. */
  readonly overflowF16: number
  /** Values other than zero of at most 2^-25, which become zero in fp16. */
  readonly vanishF16: number
  /** Largest finite magnitude. */
  readonly largest: number
}

export const EMPTY_SCAN: ScanResult = { values: 0, nan: 0, inf: 0, overflowF16: 0, vanishF16: 0, largest: 0 }

const CHUNK_VALUES = 1024 * 1024

/** Reads all values of a float tensor, a block at a time. Other tensors are not read. */
export async function scanTensor(tensor: Tensor, read: ReadInto, signal?: AbortSignal): Promise<ScanResult> {
  if (!isFloat(tensor.dtype)) return EMPTY_SCAN
  const count = elementCount(tensor.shape)
  const bytes = new Uint8Array(Math.min(count, CHUNK_VALUES) * DTYPES[tensor.dtype].bytes)
  const values = new Float32Array(Math.min(count, CHUNK_VALUES))
  let total = EMPTY_SCAN
  for (let begin = 0; begin < count; begin += CHUNK_VALUES) {
    signal?.throwIfAborted()
    const end = Math.min(begin + CHUNK_VALUES, count)
    const block = bytes.subarray(0, blockBytes(tensor.dtype, begin, end))
    await evaluateInto(tensor, begin, end, block, newEvaluation(read))
    const floats = values.subarray(0, end - begin)
    decodeFloats(tensor.dtype, block, floats)
    total = addScans(total, countValues(new Uint32Array(floats.buffer, 0, floats.length)))
  }
  // of codes and scales only what is broken says something: they are not the size of the weights
  return isEncoded(tensor) ? { ...total, overflowF16: 0, vanishF16: 0, largest: 0 } : total
}

export function addScans(a: ScanResult, b: ScanResult): ScanResult {
  return {
    values: a.values + b.values,
    nan: a.nan + b.nan,
    inf: a.inf + b.inf,
    overflowF16: a.overflowF16 + b.overflowF16,
    vanishF16: a.vanishF16 + b.vanishF16,
    largest: Math.max(a.largest, b.largest),
  }
}

const INFINITY_BITS = 0x7f800000
const HALF_OVERFLOW_BITS = 0x477ff000 // 65520: the tie between the largest half and infinity
const HALF_VANISH_BITS = 0x33000000 // 2^-25: the tie between the smallest half and zero

/** Works on the bits, as their order is that of the magnitudes and NaN lies above infinity. */
function countValues(bits: Uint32Array): ScanResult {
  let nan = 0
  let inf = 0
  let overflowF16 = 0
  let vanishF16 = 0
  let largestBits = 0
  for (let i = 0; i < bits.length; i++) {
    const a = bits[i]! & 0x7fffffff
    if (a >= INFINITY_BITS) {
      if (a === INFINITY_BITS) inf++
      else nan++
      continue
    }
    if (a > largestBits) largestBits = a
    if (a >= HALF_OVERFLOW_BITS) overflowF16++
    else if (a <= HALF_VANISH_BITS && a !== 0) vanishF16++
  }
  const largest = new Float32Array(Uint32Array.of(largestBits).buffer)[0]!
  return { values: bits.length, nan, inf, overflowF16, vanishF16, largest }
}
