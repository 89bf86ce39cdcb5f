import type { DType, OutputDType } from '../values/dtype.ts'

interface FloatShape {
  readonly mantissaBits: number
  /** Of the smallest normal number. */
  readonly minExponent: number
  readonly largest: number
}

/** IEEE 754 binary32 and binary16, bfloat16, OCP 8-bit floating point 1.0. */
const SHAPES: Readonly<Record<OutputDType, FloatShape>> = {
  F32: { mantissaBits: 23, minExponent: -126, largest: (2 - 2 ** -23) * 2 ** 127 },
  F16: { mantissaBits: 10, minExponent: -14, largest: 65504 },
  BF16: { mantissaBits: 7, minExponent: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
  F8_E4M3: { mantissaBits: 3, minExponent: -6, largest: 448 },
  F8_E5M2: { mantissaBits: 2, minExponent: -14, largest: 57344 },
}

/**
 * Distance of a stored value from the exact one, in units of the last place of the type at the exact value.
 * @throws TypeError for a type that is not written
 */
export function distanceInUlps(stored: number, exact: number, dtype: DType): number {
  if (stored === exact || (Number.isNaN(stored) && Number.isNaN(exact))) return 0
  const { mantissaBits, minExponent, largest } = shapeOf(dtype)
  const ulp = 2 ** (Math.max(exponentOf(Math.abs(exact)), minExponent) - mantissaBits)
  // what is beyond the largest number by half a unit rounds to infinity, or to NaN where the type has none
  if (Math.abs(exact) >= largest + ulp / 2 && !Number.isFinite(stored)) return 0
  const distance = Math.abs(stored - exact) / ulp
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance
}

function shapeOf(dtype: DType): FloatShape {
  if (!Object.hasOwn(SHAPES, dtype)) throw new TypeError(`${dtype} is not written`)
  return SHAPES[dtype as OutputDType]
}

const number = new Float64Array(1)
const halves = new Uint32Array(number.buffer)

/** e with 2^e <= value < 2^(e + 1), read from the bits of a binary64; for zero and what is near it, less than any. */
function exponentOf(value: number): number {
  number[0] = value
  return ((halves[1]! >>> 20) & 0x7ff) - 1023
}
