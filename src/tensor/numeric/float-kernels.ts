/** Calls float.wat on arrays of any length, through the memory it has. */
import type { CastStats } from './cast-stats.ts'
import { FLOAT_WASM } from './float-wasm.ts'
import { lazyWasm } from './wasm.ts'

/** Values a kernel takes at once: 512 KiB of binary32, which with the output fits the second-level cache. */
const MAX_VALUES = 131_072
/** Bytes in the memory. Callers with arrays of their own pass through the first two; `PatchRoom` has the others. */
const PLACES = {
  in: 0,
  out: 0x80000, // 512 KiB behind, as much again
  codes: 0x100000, // 16-bit codes of the base, 256 KiB
  before: 0x140000, // their values, 512 KiB
  after: 0x1c0000, // the new values
  result: 0x240000, // and their codes, 256 KiB
  // a second weight: other tensors may pass through the first two places while its codes are read
  otherCodes: 0x280000,
  otherValues: 0x2c0000,
} as const

/** Values a patch may have at once. */
export const PATCH_VALUES = 131_072

/** Values a kernel takes in one step; the rest of a last step is filled with zeros, which count as nothing. */
const STEP = 4

type Kernel = (input: number, output: number, count: number) => void

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly overflow: { readonly value: number }
  readonly underflow: { readonly value: number }
  readonly f32ToF16: Kernel
  readonly f32ToBF16: Kernel
  readonly f16ToF32: Kernel
  readonly bf16ToF32: Kernel
  readonly base2: { readonly value: number }
  readonly delta2: { readonly value: number }
  readonly error2: { readonly value: number }
  readonly changed: { readonly value: number }
  countPatch(
    before: number,
    after: number,
    count: number,
    splitter: number,
    smallest: number,
    magic: number,
  ): void
  readonly countCodes: Kernel
  blend(a: number, b: number, out: number, count: number, share: number, other: number): void
}

const kernels = lazyWasm<Kernels>(FLOAT_WASM)

export type HalfType = 'F16' | 'BF16'

function narrowing(to: HalfType): Kernel {
  return to === 'F16' ? kernels().f32ToF16 : kernels().f32ToBF16
}

function widening(from: HalfType): Kernel {
  return from === 'F16' ? kernels().f16ToF32 : kernels().bf16ToF32
}

/** Binary32 bytes to 16-bit codes, rounded to nearest, ties to even; adds to `stats`. */
export function narrow(to: HalfType, bytes: Uint8Array, out: Uint8Array, stats: CastStats): void {
  const { overflow, underflow } = kernels()
  const kernel = narrowing(to)
  const count = bytes.byteLength / 4
  for (let at = 0; at < count; at += MAX_VALUES) {
    const values = Math.min(MAX_VALUES, count - at)
    runKernel(
      kernel,
      values,
      bytes.subarray(at * 4, (at + values) * 4),
      out.subarray(at * 2, (at + values) * 2),
    )
    stats.overflow += overflow.value
    stats.underflow += underflow.value
  }
}

/** 16-bit codes to binary32 bytes, exact. A signalling NaN becomes quiet. */
export function widen(from: HalfType, bytes: Uint8Array, out: Uint8Array): void {
  const kernel = widening(from)
  const count = bytes.byteLength / 2
  for (let at = 0; at < count; at += MAX_VALUES) {
    const values = Math.min(MAX_VALUES, count - at)
    runKernel(
      kernel,
      values,
      bytes.subarray(at * 2, (at + values) * 2),
      out.subarray(at * 4, (at + values) * 4),
    )
  }
}

function runKernel(kernel: Kernel, count: number, input: Uint8Array, output: Uint8Array): void {
  const memory = new Uint8Array(kernels().memory.buffer)
  const steps = wholeSteps(count)
  memory.set(input, PLACES.in)
  memory.fill(0, PLACES.in + input.byteLength, PLACES.in + (input.byteLength / count) * steps)
  kernel(PLACES.in, PLACES.out, steps)
  output.set(memory.subarray(PLACES.out, PLACES.out + output.byteLength))
}

function wholeSteps(count: number): number {
  return Math.ceil(count / STEP) * STEP
}

/**
 * A block of a 16-bit weight on its way through a patch, all inside of the kernels' memory: the codes of the base are
 * read into `codes`, `widen` makes `before` of them, the caller puts the new values into `after`, and `narrow` rounds
 * them to `result` and counts what that did.
 */
export interface PatchBuffers {
  readonly codes: Uint8Array<ArrayBuffer>
  readonly before: Float32Array<ArrayBuffer>
  readonly after: Float32Array<ArrayBuffer>
  readonly result: Uint8Array<ArrayBuffer>
  /** Codes of a second weight of 16 bits, for `blend`. */
  readonly otherCodes: Uint8Array<ArrayBuffer>
  widen(from: HalfType): void
  /** Puts share * `before` + other * the values of `otherCodes`, whose type is `from`, into `after`. */
  blend(from: HalfType, share: number, other: number): void
  /** @param from type of the codes that were read, @param to of those in `result` */
  narrow(from: HalfType, to: HalfType, stats: CastStats): PatchSums
  release(): void
}

/** Sums of squares over a block, and values whose written value is not the one before. */
export interface PatchSums {
  readonly base2: number
  readonly delta2: number
  readonly error2: number
  readonly changed: number
}

let buffersTaken = false

/** There is one room in a thread; undefined while it is taken. */
export function acquirePatchBuffers(count: number): PatchBuffers | undefined {
  if (buffersTaken || count > PATCH_VALUES) return undefined
  buffersTaken = true
  const { memory } = kernels()
  const steps = wholeSteps(count)
  // what lies behind the last value counts as nothing
  for (const place of [PLACES.codes, PLACES.result])
    new Uint8Array(memory.buffer, place, 2 * steps).fill(0, 2 * count)
  for (const place of [PLACES.before, PLACES.after])
    new Float32Array(memory.buffer, place, steps).fill(0, count)
  return {
    codes: new Uint8Array(memory.buffer, PLACES.codes, 2 * count),
    before: new Float32Array(memory.buffer, PLACES.before, count),
    after: new Float32Array(memory.buffer, PLACES.after, count),
    result: new Uint8Array(memory.buffer, PLACES.result, 2 * count),
    otherCodes: new Uint8Array(memory.buffer, PLACES.otherCodes, 2 * count),
    widen: (from) => widening(from)(PLACES.codes, PLACES.before, steps),
    blend(from, share, other) {
      new Uint8Array(memory.buffer, PLACES.otherCodes, 2 * steps).fill(0, 2 * count)
      widening(from)(PLACES.otherCodes, PLACES.otherValues, steps)
      kernels().blend(PLACES.before, PLACES.otherValues, PLACES.after, steps, share, other)
    },
    narrow: (from, to, stats) => narrowBuffers(from, to, steps, stats),
    release() {
      buffersTaken = false
    },
  }
}

/** How binary32 arithmetic rounds to a type: 2^(bits lost) + 1, its smallest normal number, 2^23 of its smallest steps. */
const ROUNDING = {
  F16: { splitter: 2 ** 13 + 1, smallest: 2 ** -14, magic: 1.5 * 2 ** -1 },
  // steps below its smallest normal number are below the range of binary32, and negligible next to any weight
  BF16: { splitter: 2 ** 16 + 1, smallest: 0, magic: 0 },
} as const

/** Values that go through all steps before the next ones: they stay in the nearest cache. */
const PIECE_VALUES = 8192

function narrowBuffers(from: HalfType, to: HalfType, steps: number, stats: CastStats): PatchSums {
  const sums = { base2: 0, delta2: 0, error2: 0, changed: 0 }
  for (let at = 0; at < steps; at += PIECE_VALUES) {
    narrowPiece(from, to, at, Math.min(PIECE_VALUES, steps - at))
    const all = kernels()
    stats.overflow += all.overflow.value
    stats.underflow += all.underflow.value
    sums.base2 += all.base2.value
    sums.delta2 += all.delta2.value
    sums.error2 += all.error2.value
    sums.changed += all.changed.value
  }
  return sums
}

function narrowPiece(from: HalfType, to: HalfType, at: number, count: number): void {
  const all = kernels()
  const [codes, result] = [PLACES.codes + 2 * at, PLACES.result + 2 * at]
  const [before, after] = [PLACES.before + 4 * at, PLACES.after + 4 * at]
  const { splitter, smallest, magic } = ROUNDING[to]
  // the part of the base that another type has: all that stays the same has this code
  if (from !== to) narrowing(to)(before, codes, count)
  narrowing(to)(after, result, count)
  all.countPatch(before, after, count, splitter, smallest, magic)
  all.countCodes(codes, result, count)
}
