/**
 * Conversions between stored float types, exact or rounded once to nearest, ties to even.
 *
 * Formats: IEEE 754 binary64/32/16; bfloat16 (the upper half of binary32); OCP 8-bit floating point 1.0 (E4M3 has
 * no infinity: a value too large becomes NaN, as in torch before 2.12, which makes it 448 since); FNUZ variants as in
 * LLVM; E8M0 powers of two of OCP MX. All bytes are little-endian, as in every file sdtool reads, and as on every
 * platform Node runs on today.
 */
import type { DType, OutputDType } from '../values/dtype.ts'
import type { CastStats } from './cast-stats.ts'
import { narrow, widen } from './float-kernels.ts'

interface Minifloat {
  readonly exponentBits: number
  readonly mantissaBits: number
  readonly bias: number
  /** `ieee`: top exponent is Inf/NaN. `fn`: only all ones is NaN, no Inf. `fnuz`: only -0 is NaN, no Inf. */
  readonly specials: 'ieee' | 'fn' | 'fnuz'
}

const E4M3: Minifloat = { exponentBits: 4, mantissaBits: 3, bias: 7, specials: 'fn' }
const E5M2: Minifloat = { exponentBits: 5, mantissaBits: 2, bias: 15, specials: 'ieee' }
const E4M3FNUZ: Minifloat = { exponentBits: 4, mantissaBits: 3, bias: 8, specials: 'fnuz' }
const E5M2FNUZ: Minifloat = { exponentBits: 5, mantissaBits: 2, bias: 16, specials: 'fnuz' }

function isNaNCode(code: number, format: Minifloat): boolean {
  const { exponentBits, mantissaBits, specials } = format
  const magnitude = code & ((1 << (exponentBits + mantissaBits)) - 1)
  if (specials === 'fnuz') return code === 1 << (exponentBits + mantissaBits)
  if (specials === 'fn') return magnitude === (1 << (exponentBits + mantissaBits)) - 1
  return magnitude > ((1 << exponentBits) - 1) << mantissaBits
}

function decodeMinifloat(code: number, format: Minifloat): number {
  const { exponentBits, mantissaBits, bias, specials } = format
  if (isNaNCode(code, format)) return Number.NaN
  const sign = code >> (exponentBits + mantissaBits) ? -1 : 1
  const exponent = (code >> mantissaBits) & ((1 << exponentBits) - 1)
  const mantissa = (code & ((1 << mantissaBits) - 1)) / (1 << mantissaBits)
  if (specials === 'ieee' && exponent === (1 << exponentBits) - 1) return sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * mantissa * 2 ** (1 - bias) : sign * (1 + mantissa) * 2 ** (exponent - bias)
}

/** Binary32 bits of each code. As bits, because a NaN read as a number may lose its sign and payload. */
function decodeTable(count: number, decode: (code: number) => number): Uint32Array {
  return new Uint32Array(Float32Array.from({ length: count }, (_, code) => decode(code)).buffer)
}

/** 1 KiB each, built on first use. */
const TABLE_MAKERS: Partial<Record<DType, () => Uint32Array>> = {
  F8_E4M3: () => decodeTable(256, (code) => decodeMinifloat(code, E4M3)),
  F8_E5M2: () => decodeTable(256, (code) => decodeMinifloat(code, E5M2)),
  F8_E4M3FNUZ: () => decodeTable(256, (code) => decodeMinifloat(code, E4M3FNUZ)),
  F8_E5M2FNUZ: () => decodeTable(256, (code) => decodeMinifloat(code, E5M2FNUZ)),
  F8_E8M0: () => decodeTable(256, (code) => (code === 255 ? Number.NaN : 2 ** (code - 127))),
}

const tables = new Map<DType, Uint32Array>()

function tableOf(dtype: DType): Uint32Array {
  let table = tables.get(dtype)
  if (!table) {
    const make = TABLE_MAKERS[dtype]
    if (!make) throw new RangeError(`${dtype} has no decoding table`)
    table = make()
    tables.set(dtype, table)
  }
  return table
}

type ElementArray<T> = new (buffer: ArrayBufferLike, offset: number, length: number) => T

/** The bytes as typed elements; copied only if they start at an address the type does not allow. */
export function elementsOf<T>(
  type: ElementArray<T> & { readonly BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const size = type.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return new type(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / size))
}

/** Binary64 to binary32, rounded to odd: a second rounding to a type of at most 22 bits is then correct. */
function roundToOdd(values: Float64Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    out[i] = value
    const rounded = out[i]!
    if (rounded === value || Number.isNaN(value)) continue
    if (Math.abs(rounded) > Math.abs(value)) bits[i] = bits[i]! - 1
    bits[i] = bits[i]! | 1
  }
}

/**
 * Decodes stored floats, little-endian, into `out`, which is as long as they are. Exact, except F64, which is rounded to
 * odd, so that a caller can round once more to a narrower type without error.
 * @throws RangeError for a type that is not a float
 */
export function decodeFloats(dtype: DType, bytes: Uint8Array, out: Float32Array): void {
  switch (dtype) {
    case 'F32':
      out.set(elementsOf(Float32Array, bytes))
      return
    case 'F64':
      roundToOdd(elementsOf(Float64Array, bytes), out)
      return
    case 'F16':
    case 'BF16':
      widen(dtype, bytes, new Uint8Array(out.buffer, out.byteOffset, out.byteLength))
      return
    default: {
      const table = tableOf(dtype)
      const bits = new Uint32Array(out.buffer, out.byteOffset, out.length)
      for (let i = 0; i < bytes.length; i++) bits[i] = table[bytes[i]!]!
    }
  }
}

/** Decodes stored floats exactly where `out` is of binary64; where it is of binary32, as `decodeFloats` does. */
export function decodeNumbers(dtype: DType, bytes: Uint8Array, out: Float32Array | Float64Array): void {
  if (out instanceof Float32Array) decodeFloats(dtype, bytes, out)
  else if (dtype === 'F64') out.set(elementsOf(Float64Array, bytes))
  else {
    const floats = new Float32Array(out.length)
    decodeFloats(dtype, bytes, floats)
    out.set(floats)
  }
}

/** Code of |x| in a minifloat without its sign, ties to even; past the largest finite code it counts on. */
function minifloatMagnitude(a: number, { mantissaBits, bias }: Minifloat): number {
  const exponent = (a >>> 23) - 127 + bias
  const mantissa = (a & 0x7fffff) | 0x800000
  const shift = 23 - mantissaBits + (exponent > 0 ? 0 : 1 - exponent)
  if (shift > 24 || a < 0x00800000) return 0
  const kept = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const tie = 1 << (shift - 1)
  const rounded = rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept
  // a normal number still holds its leading 1, which counts as one exponent step
  return exponent > 0 ? rounded + ((exponent - 1) << mantissaBits) : rounded
}

function encodeByte(values: Float32Array, out: Uint8Array, format: Minifloat, stats: CastStats): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const nan = 0x7f
  const tooLarge = format.specials === 'fn' ? 0x7f : 0x7c
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!
    const sign = (x >>> 24) & 0x80
    const a = x & 0x7fffffff
    if (a > 0x7f800000) {
      out[i] = sign | nan
      continue
    }
    let code = a === 0x7f800000 ? tooLarge : minifloatMagnitude(a, format)
    if (code >= tooLarge) {
      if (a < 0x7f800000) stats.overflow++
      code = tooLarge
    } else if (code === 0 && a !== 0) stats.underflow++
    out[i] = sign | code
  }
}

/**
 * Encodes binary32 values into `out`, rounded to nearest, ties to even. Adds to `stats` what became infinite or zero.
 */
export function encodeFloats(
  dtype: OutputDType,
  values: Float32Array,
  out: Uint8Array,
  stats: CastStats,
): void {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  switch (dtype) {
    case 'F32':
      out.set(bytes)
      return
    case 'F16':
    case 'BF16':
      narrow(dtype, bytes, out, stats)
      return
    case 'F8_E4M3':
      encodeByte(values, out, E4M3, stats)
      return
    case 'F8_E5M2':
      encodeByte(values, out, E5M2, stats)
  }
}

/**
 * Casts a block of floats: `bytes` of type `from` to `out` of type `to`, each value rounded once.
 * `scratch` holds the values between, one binary32 per element; it is not used when `from` is F32.
 */
export function castFloats(
  from: DType,
  to: OutputDType,
  bytes: Uint8Array,
  out: Uint8Array,
  scratch: Float32Array,
  stats: CastStats,
): void {
  if (from === 'F32') encodeFloats(to, elementsOf(Float32Array, bytes), out, stats)
  else if (from === 'F64' && to === 'F32') castDouble(elementsOf(Float64Array, bytes), out, stats)
  else {
    decodeFloats(from, bytes, scratch)
    encodeFloats(to, scratch, out, stats)
  }
}

/** Binary64 to binary32 in one rounding, as rounding to odd is not a final result. */
function castDouble(values: Float64Array, out: Uint8Array, stats: CastStats): void {
  const floats = new Float32Array(out.buffer, out.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    floats[i] = value
    if (Math.abs(floats[i]!) === Number.POSITIVE_INFINITY && Number.isFinite(value)) stats.overflow++
    if (floats[i] === 0 && value !== 0) stats.underflow++
  }
}
