/** Counts NaN and infinities in stored floats, by their bits: nothing is decoded, so a copy stays nearly a copy. */

import { elementsOf } from '../numeric/float.ts'
import { blockBytes, type DType } from '../values/dtype.ts'
import type { Job } from './jobs.ts'

type Count = (bytes: Uint8Array) => number

const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array } as const

function wordsOf(bytes: Uint8Array, size: keyof typeof WORDS): Uint8Array | Uint16Array | Uint32Array {
  return elementsOf<Uint8Array | Uint16Array | Uint32Array>(WORDS[size], bytes)
}

/**
 * Floats of so many bytes that are not finite where all of these bits are ones, which reach up to the one
 * below the sign. Adding the lowest of them carries into the sign then, and in no other case: that is seen in four
 * bytes at once, and only blocks where it happens are counted.
 */
function byOnes(size: keyof typeof WORDS, ones: number): Count {
  const lanes = { 1: 0x01010101, 2: 0x00010001, 4: 1 }[size]
  const [all, carry, sign] = [ones * lanes, (ones & -ones) * lanes, 2 ** (8 * size - 1) * lanes]
  return (bytes) => {
    const whole = bytes.byteLength & ~3
    const isClean = (carried(elementsOf(Int32Array, bytes.subarray(0, whole)), all, carry) & sign) === 0
    return countOnes(wordsOf(isClean ? bytes.subarray(whole) : bytes, size), ones)
  }
}

function carried(words: Int32Array, all: number, carry: number): number {
  let seen = 0
  for (let i = 0; i < words.length; i++) seen |= ((words[i]! & all) + carry) | 0
  return seen
}

function countOnes(words: Uint8Array | Uint16Array | Uint32Array, ones: number): number {
  let count = 0
  for (let i = 0; i < words.length; i++) if ((words[i]! & ones) === ones) count++
  return count
}

/** The exponent stands in the high words. */
function doubles(bytes: Uint8Array): number {
  const words = wordsOf(bytes, 4)
  let count = 0
  for (let i = 1; i < words.length; i += 2) if ((words[i]! & 0x7ff00000) === 0x7ff00000) count++
  return count
}

function byCode(code: number): Count {
  return (bytes) => {
    let count = 0
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === code) count++
    return count
  }
}

/** Formats as in `float.ts`. What is not here has no such values: integers, and blocks of quantised numbers. */
const COUNTS: Readonly<Partial<Record<DType, Count>>> = {
  F64: doubles,
  F32: byOnes(4, 0x7f800000),
  F16: byOnes(2, 0x7c00),
  BF16: byOnes(2, 0x7f80),
  F8_E5M2: byOnes(1, 0x7c),
  F8_E4M3: byOnes(1, 0x7f),
  F8_E4M3FNUZ: byCode(0x80),
  F8_E5M2FNUZ: byCode(0x80),
  F8_E8M0: byCode(0xff),
}

/** How many of the values are NaN or infinite. */
export function countNotFinite(dtype: DType, bytes: Uint8Array): number {
  return COUNTS[dtype]?.(bytes) ?? 0
}

/** Adds what a job has made to the counts, by the names of its tensors. */
export function noteNotFinite({ parts }: Job, bytes: Uint8Array, counts: Map<string, number>): void {
  let at = 0
  for (const { tensor, begin, end } of parts) {
    const size = blockBytes(tensor.dtype, begin, end)
    const count = countNotFinite(tensor.dtype, bytes.subarray(at, at + size))
    if (count > 0) counts.set(tensor.name, (counts.get(tensor.name) ?? 0) + count)
    at += size
  }
}
