import { getFloat16 } from '@petamoriken/float16'
import { describe, expect, it } from 'vitest'
import { DTYPES, type DType } from '../../../src/tensor/values/dtype.ts'
import { countNotFinite } from '../../../src/tensor/write/not-finite.ts'

const codes = (bytes: number): number[] => Array.from({ length: 2 ** (8 * bytes) }, (_, code) => code)

/** Values of all codes, by other means than ours. OCP 8-bit floating point 1.0; LLVM, APFloat, for FNUZ. */
const NOT_FINITE: Readonly<Partial<Record<DType, (code: number) => boolean>>> = {
  F16(code) {
    return !Number.isFinite(getFloat16(new DataView(Uint16Array.of(code).buffer), 0, true))
  },
  BF16: (code) => !Number.isFinite(new Float32Array(Uint32Array.of(code << 16).buffer)[0]!),
  F8_E4M3: (code) => code === 0x7f || code === 0xff,
  F8_E5M2: (code) => [0x7c, 0x7d, 0x7e, 0x7f, 0xfc, 0xfd, 0xfe, 0xff].includes(code),
  F8_E4M3FNUZ: (code) => code === 0x80,
  F8_E5M2FNUZ: (code) => code === 0x80,
  F8_E8M0: (code) => code === 0xff,
}

describe('countNotFinite', () => {
  it.each(Object.keys(NOT_FINITE) as DType[])('%s: every code by itself, and all of them', (dtype) => {
    const { bytes } = DTYPES[dtype]
    const all = codes(bytes)
    const isBroken = NOT_FINITE[dtype]!
    const encode = (list: readonly number[]) =>
      bytes === 1 ? Uint8Array.from(list) : new Uint8Array(Uint16Array.from(list).buffer)
    // between finite neighbours, at each of the places that four bytes have
    const wrong = all.filter((code) => {
      const rows = [[code], [code, 1, 2, 3, 4], [1, code, 2, 3], [1, 2, code, 3, 4, 5], [1, 2, 3, code]]
      return rows.some((row) => countNotFinite(dtype, encode(row)) !== (isBroken(code) ? 1 : 0))
    })
    expect(wrong).toEqual([])
    expect(countNotFinite(dtype, encode(all))).toBe(all.filter(isBroken).length)
  })

  it.each([
    ['F32', Float32Array],
    ['F64', Float64Array],
  ] as const)('%s: among all kinds of numbers, at any address', (dtype, type) => {
    const values = [0, -0, 1e-45, 5e-324, 1, -3.5, 3.4e38, Number.MAX_VALUE, Number.NaN, -Infinity, Infinity]
    const stored = type.from(values)
    const expected = stored.filter((value) => !Number.isFinite(value)).length
    const shifted = new Uint8Array(stored.byteLength + 1)
    shifted.set(new Uint8Array(stored.buffer), 1)
    expect(countNotFinite(dtype, new Uint8Array(stored.buffer))).toBe(expected)
    expect(countNotFinite(dtype, shifted.subarray(1))).toBe(expected)
    const sound = type.from(values.slice(0, 7))
    expect(countNotFinite(dtype, new Uint8Array(sound.buffer))).toBe(0)
  })

  it.each(['I64', 'U8', 'BOOL', 'Q8_0', 'F4'] as const)('%s has no such values', (dtype) => {
    expect(countNotFinite(dtype, new Uint8Array(34).fill(0xff))).toBe(0)
  })
})
