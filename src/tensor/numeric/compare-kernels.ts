/** Calls compare.wat on blocks of floats of any stored type, through the memory it has. */

import type { DType } from '../values/dtype.ts'
import { COMPARE_WASM } from './compare-wasm.ts'
import { decodeFloats } from './float.ts'
import { lazyWasm } from './wasm.ts'

/** Values the kernels take at once: with all they are decoded into, small enough for the nearest caches. */
export const KERNEL_VALUES = 16_384

/** Bytes in the memory: two runs of binary32, and one of 16-bit codes before they are decoded. */
const PLACES = { a: 0, b: KERNEL_VALUES * 4, codes: KERNEL_VALUES * 8 } as const

/** Values a kernel takes in one step. */
const STEP = 4

/**
 * Sums of squares below this may have lost values whose squares are below the range of binary32:
 * 16,384 of them are 2^-112 together. Above it, that is nothing.
 */
const SMALLEST_SUM = 2 ** -80

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly squares: { readonly value: number }
  readonly differences: { readonly value: number }
  readonly largest: { readonly value: number }
  readonly changed: { readonly value: number }
  /** Gives 1 if a value was not finite. */
  widenF16(input: number, output: number, count: number): number
  widenBF16(input: number, output: number, count: number): void
  compare(a: number, b: number, count: number): void
  square(a: number, count: number): void
}

const kernels = lazyWasm<Kernels>(COMPARE_WASM)

/** Sums over pairs of values. */
export interface KernelSums {
  /** Sum of a^2. */
  readonly squares: number
  /** Sum of (b - a)^2. */
  readonly differences: number
  /** Largest |b - a|. */
  readonly largest: number
  /** Pairs that differ. */
  readonly changed: number
}

/**
 * Compares at most `KERNEL_VALUES` floats. Undefined where binary32 does not do: values that are not finite, or so
 * small that their squares vanish.
 */
export function compareFloats(
  typeA: DType,
  a: Uint8Array,
  typeB: DType,
  b: Uint8Array,
  count: number,
): KernelSums | undefined {
  if (!place(typeA, a, PLACES.a, count) || !place(typeB, b, PLACES.b, count)) return undefined
  kernels().compare(PLACES.a, PLACES.b, wholeSteps(count))
  const { squares, differences, largest, changed } = kernels()
  const sums = {
    squares: squares.value,
    differences: differences.value,
    largest: largest.value,
    changed: changed.value,
  }
  const isSmall = sums.squares < SMALLEST_SUM || (sums.changed > 0 && sums.differences < SMALLEST_SUM)
  return isSmall || !Number.isFinite(sums.squares + sums.differences) ? undefined : sums
}

/** Sum of the squares of at most `KERNEL_VALUES` floats. Undefined where one is not finite. */
export function sumSquares(dtype: DType, bytes: Uint8Array, count: number): number | undefined {
  if (!place(dtype, bytes, PLACES.a, count)) return undefined
  kernels().square(PLACES.a, wholeSteps(count))
  const { value } = kernels().squares
  return Number.isFinite(value) ? value : undefined
}

function wholeSteps(count: number): number {
  return Math.ceil(count / STEP) * STEP
}

/** Decodes values to a place in the memory, with zeros behind them. False if one is not finite and would not show. */
function place(dtype: DType, bytes: Uint8Array, at: number, count: number): boolean {
  const { memory, widenF16, widenBF16 } = kernels()
  const steps = wholeSteps(count)
  if (dtype === 'F16' || dtype === 'BF16') {
    const codes = new Uint8Array(memory.buffer, PLACES.codes, steps * 2)
    codes.set(bytes)
    codes.fill(0, bytes.byteLength)
    if (dtype === 'F16') return widenF16(PLACES.codes, at, steps) === 0
    widenBF16(PLACES.codes, at, steps)
    return true
  }
  const values = new Float32Array(memory.buffer, at, steps)
  decodeFloats(dtype, bytes, values.subarray(0, count))
  values.fill(0, count)
  return true
}
