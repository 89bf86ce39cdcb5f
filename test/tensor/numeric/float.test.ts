import { f16round, getFloat16, setFloat16 } from '@petamoriken/float16'
import { describe, expect, it } from 'vitest'
import { newCastStats } from '../../../src/tensor/numeric/cast-stats.ts'
import { castFloats } from '../../../src/tensor/numeric/float.ts'
import { DTYPES, type DType, type OutputDType } from '../../../src/tensor/values/dtype.ts'
import { fc } from '../../properties.ts'

function castBytes(from: DType, to: OutputDType, bytes: Uint8Array) {
  const count = bytes.byteLength / DTYPES[from].bytes
  const out = new Uint8Array(count * DTYPES[to].bytes)
  const stats = newCastStats()
  castFloats(from, to, bytes, out, new Float32Array(count), stats)
  return { out, stats }
}

function castNumbers(to: OutputDType, values: readonly number[]): number[] {
  const { out } = castBytes('F32', to, new Uint8Array(Float32Array.from(values).buffer))
  const wide = castBytes(to, 'F32', out).out
  return Array.from(new Float32Array(wide.buffer))
}

const allCodes16 = Uint16Array.from({ length: 65536 }, (_, code) => code)
const isNaN16 = (code: number, top: number) => (code & 0x7fff) > top

describe('half', () => {
  it('decodes all 65,536 codes as an independent implementation does', () => {
    const { out } = castBytes('F16', 'F32', new Uint8Array(allCodes16.buffer))
    const ours = new Float32Array(out.buffer)
    const view = new DataView(allCodes16.buffer)
    const wrong = allCodes16.filter((code) => !Object.is(ours[code], getFloat16(view, code * 2, true)))
    expect([...wrong]).toEqual([])
  })

  it('gives every code back after a round trip, NaN payloads included once they are quiet', () => {
    const wide = castBytes('F16', 'F32', new Uint8Array(allCodes16.buffer)).out
    const back = new Uint16Array(castBytes('F32', 'F16', wide).out.buffer)
    const wrong = allCodes16.filter((code) => back[code] !== (isNaN16(code, 0x7c00) ? code | 0x200 : code))
    expect([...wrong]).toEqual([])
  })

  it('rounds to nearest, ties to even, at every midpoint and its two neighbours', () => {
    const view = new DataView(allCodes16.buffer)
    const values: number[] = []
    for (let code = 0; code < 0x7c00; code++) {
      const low = getFloat16(view, code * 2, true)
      const high = code === 0x7bff ? 65536 : getFloat16(view, code * 2 + 2, true)
      const middle = (low + high) / 2
      values.push(middle, Math.fround(middle * (1 + 2 ** -23)), Math.fround(middle * (1 - 2 ** -23)))
    }
    const ours = castNumbers('F16', values)
    const wrong = values.filter((value, i) => ours[i] !== f16round(value))
    expect(wrong).toEqual([])
  })

  it('agrees with an independent implementation on any binary32', () => {
    const scratch = new DataView(new ArrayBuffer(2))
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        setFloat16(scratch, 0, value)
        expect(castNumbers('F16', [value])[0]).toBe(getFloat16(scratch, 0))
      }),
      { numRuns: 20_000 },
    )
  })

  it('counts what overflows to infinity and what vanishes, and nothing else', () => {
    const values = Float32Array.of(
      65519.99,
      65520,
      -1e6,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      2 ** -25,
      3e-8,
      0,
      -0,
    )
    const { out, stats } = castBytes('F32', 'F16', new Uint8Array(values.buffer))
    // 65519.99 is nearest to 65504; 65520 is the tie that goes to infinity; 2^-25 is the tie that goes to zero
    expect([...new Uint16Array(out.buffer)]).toEqual([
      0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7e00, 0x0000, 0x0001, 0x0000, 0x8000,
    ])
    expect(stats).toEqual({ overflow: 2, underflow: 1 })
  })

  it('rounds binary64 once, not twice', () => {
    // 1 + 2^-11 + 2^-40 lies above the tie, but binary32 rounds it onto the tie, which then goes down to 1
    const doubles = Float64Array.of(1 + 2 ** -11 + 2 ** -40, 1 + 2 ** -11, -(1 + 2 ** -11 + 2 ** -40))
    const { out } = castBytes('F64', 'F16', new Uint8Array(doubles.buffer))
    expect([...new Uint16Array(out.buffer)]).toEqual([0x3c01, 0x3c00, 0xbc01])
    const view = new DataView(new ArrayBuffer(2))
    // around the places between two halves, closer to them than binary32 can tell
    const near = fc.tuple(fc.integer({ min: 1, max: 0x7bfe }), fc.integer({ min: -9, max: 9 }), fc.boolean())
    fc.assert(
      fc.property(near, ([code, quarters, negative]) => {
        view.setUint16(0, code)
        const low = getFloat16(view, 0)
        view.setUint16(0, code + 1)
        const middle = (low + getFloat16(view, 0)) / 2
        const value = (negative ? -1 : 1) * middle * (1 + quarters * 2 ** -25)
        setFloat16(view, 0, value)
        const rounded = castBytes('F64', 'F16', new Uint8Array(Float64Array.of(value).buffer)).out
        expect(new Uint16Array(rounded.buffer)[0]).toBe(view.getUint16(0))
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('bfloat16', () => {
  it('decodes all 65,536 codes as the upper half of a binary32', () => {
    const { out } = castBytes('BF16', 'F32', new Uint8Array(allCodes16.buffer))
    const bits = new Uint32Array(out.buffer)
    expect(bits.every((value, code) => value === code * 65536)).toBe(true)
  })

  it('gives every code back after a round trip', () => {
    const wide = castBytes('BF16', 'F32', new Uint8Array(allCodes16.buffer)).out
    const back = new Uint16Array(castBytes('F32', 'BF16', wide).out.buffer)
    const wrong = allCodes16.filter((code) => back[code] !== (isNaN16(code, 0x7f80) ? code | 0x40 : code))
    expect([...wrong]).toEqual([])
  })

  it('rounds to nearest, ties to even', () => {
    // by hand: steps of 2^-7 above 1; 1 + 2^-8 is a tie
    const step = 2 ** -7
    expect(
      castNumbers('BF16', [1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, -(1 + step / 2), 3.39e38]),
    ).toEqual([
      1,
      1 + 2 * step,
      1 + step,
      -1,
      // nearer to 2^128 - 2^120 than to 2^128
      2 ** 128 - 2 ** 120,
    ])
  })

  it('keeps a NaN whose payload lies in the dropped half, and counts an overflow', () => {
    const bits = Uint32Array.of(0x7f800001, 0x7f7fffff)
    const { out, stats } = castBytes('F32', 'BF16', new Uint8Array(bits.buffer))
    expect([...new Uint16Array(out.buffer)]).toEqual([0x7fc0, 0x7f80])
    expect(stats.overflow).toBe(1)
  })
})

describe('8-bit floats', () => {
  // OCP 8-bit Floating Point Specification 1.0, table 1 and 2: largest, smallest normal, smallest subnormal
  it.each([
    ['F8_E4M3', 448, 2 ** -6, 2 ** -9],
    ['F8_E5M2', 57344, 2 ** -14, 2 ** -16],
  ] as const)('%s holds the limits of the specification', (dtype, largest, normal, subnormal) => {
    expect(castNumbers(dtype, [largest, normal, subnormal, -largest])).toEqual([
      largest,
      normal,
      subnormal,
      -largest,
    ])
  })

  it.each([
    ['F8_E4M3', 0x7f],
    ['F8_E5M2', 0x7c],
  ] as const)('%s gives every finite code back after a round trip', (dtype, firstSpecial) => {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code)
    const back = castBytes('F32', dtype, castBytes(dtype, 'F32', codes).out).out
    const wrong = codes.filter((code) => (code & 0x7f) < firstSpecial && back[code] !== code)
    expect([...wrong]).toEqual([])
  })

  it('rounds ties to even and turns what is too large into NaN (E4M3) or infinity (E5M2), as OCP allows', () => {
    expect(castNumbers('F8_E4M3', [1.0625, 1.1875, 464, 465, 2 ** -10])).toEqual([
      1,
      1.25,
      448,
      Number.NaN,
      0,
    ])
    expect(castNumbers('F8_E5M2', [1.125, 1.375, 61439, 61440])).toEqual([
      1,
      1.5,
      57344,
      Number.POSITIVE_INFINITY,
    ])
  })

  // the same tables: bias, bits of the mantissa, the first code that is no number, and what a number too large becomes
  it.each([
    ['F8_E4M3', 7, 3, 0x7f, Number.NaN],
    ['F8_E5M2', 15, 2, 0x7c, Number.POSITIVE_INFINITY],
  ] as const)(
    '%s encodes as the nearest of all codes, of two the even one, and counts what it loses',
    (dtype, bias, bits, firstSpecial, tooLarge) => {
      const numberOf = (code: number) => {
        const [exponent, mantissa] = [code >> bits, (code & ((1 << bits) - 1)) / (1 << bits)]
        return exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias)
      }
      // what the first special code would be decides where numbers begin to be too large
      for (let code = 0; code < firstSpecial; code++) {
        const [low, high] = [numberOf(code), code + 1 === firstSpecial ? tooLarge : numberOf(code + 1)]
        const middle = (low + numberOf(code + 1)) / 2
        const tie = code % 2 === 0 ? low : high
        const values = [middle * (1 - 2 ** -23), middle, middle * (1 + 2 ** -22)]
        expect(castNumbers(dtype, values)).toEqual([low, tie, high])
        expect(castNumbers(dtype, values.map((value) => -value))).toEqual([-low, -tie, -high]) // biome-ignore format: one line
      }
      const beyond = Float32Array.of(
        1e6,
        -3e38,
        Number.POSITIVE_INFINITY,
        -Infinity,
        Number.NaN,
        0,
        -0,
        1e-30,
      )
      const { out, stats } = castBytes('F32', dtype, new Uint8Array(beyond.buffer))
      expect([...out]).toEqual([firstSpecial, firstSpecial | 0x80, firstSpecial, firstSpecial | 0x80, 0x7f, 0, 0x80, 0]) // biome-ignore format: one line
      expect(stats).toEqual({ overflow: 2, underflow: 1 })
    },
  )

  it('decodes the FNUZ and E8M0 variants', () => {
    const decode = (dtype: DType, codes: number[]) =>
      Array.from(new Float32Array(castBytes(dtype, 'F32', Uint8Array.from(codes)).out.buffer))
    expect(decode('F8_E4M3FNUZ', [0x7f, 0x80, 0x08, 0x01])).toEqual([240, Number.NaN, 2 ** -7, 2 ** -10])
    expect(decode('F8_E5M2FNUZ', [0x7f, 0x80, 0x04, 0x01])).toEqual([57344, Number.NaN, 2 ** -15, 2 ** -17])
    expect(decode('F8_E8M0', [0, 127, 254, 255])).toEqual([2 ** -127, 1, 2 ** 127, Number.NaN])
  })
})

describe('kernels', () => {
  it('take any number of values, across their chunks and with an odd rest', () => {
    const values = Float32Array.from({ length: 131_072 * 2 + 5 }, (_, i) => (i % 2048) / 8)
    const { out, stats } = castBytes('F32', 'F16', new Uint8Array(values.buffer))
    expect(stats).toEqual({ overflow: 0, underflow: 0 })
    // multiples of 1/8 below 256 are halves
    const back = new Float32Array(castBytes('F16', 'F32', out).out.buffer)
    expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(values.buffer))).toBe(0)
  })
})
