import { describe, expect, it } from 'vitest'
import {
  blockBytes,
  byteLength,
  DTYPES,
  type DType,
  elementCount,
  isDType,
  isFloat,
} from '../../../src/tensor/values/dtype.ts'

/** Bits of an element: safetensors 0.6, `Dtype::bitsize`. */
const BITS: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8 },
  ...{ F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32 },
  ...{ C64: 64, F64: 64, I64: 64, U64: 64, C128: 128 },
}

/** Elements and bytes of a block: gguf-py, `GGML_QUANT_SIZES`. */
const BLOCKS: Readonly<Record<string, readonly [elements: number, bytes: number]>> = {
  ...{ Q4_0: [32, 18], Q4_1: [32, 20], Q5_0: [32, 22], Q5_1: [32, 24], Q8_0: [32, 34] },
  ...{ Q2_K: [256, 84], Q3_K: [256, 110], Q4_K: [256, 144], Q5_K: [256, 176], Q6_K: [256, 210] },
  ...{ Q8_K: [256, 292], IQ2_XXS: [256, 66], IQ2_XS: [256, 74], IQ3_XXS: [256, 98], IQ1_S: [256, 50] },
  ...{ IQ4_NL: [32, 18], IQ3_S: [256, 110], IQ2_S: [256, 82], IQ4_XS: [256, 136], IQ1_M: [256, 56] },
  ...{ TQ1_0: [256, 54], TQ2_0: [256, 66], MXFP4: [32, 17] },
  // ggml-common.h has two binary16 beside the 32 codes; gguf-py counts them as binary32, which they once were
  Q8_1: [32, 36],
}

describe('types of elements', () => {
  it.each(Object.entries(BITS))('%s has %d bits', (dtype, bits) => {
    const { elements, bytes } = DTYPES[dtype as DType]
    expect((8 * bytes) / elements).toBe(bits)
    expect(bytes % 1).toBe(0)
  })

  it.each(Object.entries(BLOCKS))('%s has blocks of %j', (dtype, [elements, bytes]) => {
    expect(DTYPES[dtype as DType]).toEqual({ elements, bytes, kind: 'quantised' })
  })

  it('are these, and no others', () => {
    expect(Object.keys(DTYPES).sort()).toEqual([...Object.keys(BITS), ...Object.keys(BLOCKS)].sort())
    for (const name of ['f32', 'F31', 'toString', '']) expect(isDType(name)).toBe(false)
  })

  it('are floats by their names, but for packed ones', () => {
    const floats = (Object.keys(DTYPES) as DType[]).filter(isFloat).sort()
    const named = Object.keys(BITS).filter((name) => /^B?F(8|16|32|64)/.test(name))
    expect(floats).toEqual(named.sort())
  })
})

describe('sizes', () => {
  it.each<[DType, number[], number | undefined]>([
    ['F32', [], 4],
    ['F16', [3, 5], 30],
    ['C128', [2, 0, 7], 0],
    ['F4', [3, 2], 3],
    ['F4', [3], undefined],
    ['F6_E2M3', [4, 3], 9],
    ['F6_E3M2', [6], undefined],
    ['Q4_0', [2, 64], 72],
    ['Q4_K', [128], undefined],
    ['Q6_K', [512], 420],
  ])('%s %j takes %d bytes', (dtype, shape, bytes) => {
    expect(byteLength(dtype, shape)).toBe(bytes)
  })

  it('of a run of elements are those of its blocks', () => {
    expect(blockBytes('F32', 3, 10)).toBe(28)
    expect(blockBytes('Q8_0', 32, 128)).toBe(102)
    expect(blockBytes('F4', 2, 2)).toBe(0)
    expect(elementCount([2, 3, 4])).toBe(24)
    expect(elementCount([])).toBe(1)
  })
})
