import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/system/bytes.ts'
import { ggufFormat } from '../../../src/tensor/formats/gguf.ts'
import { ggufOfOneTensor } from '../../gguf-writer.ts'

/** gguf-py, `GGMLQuantizationType`. */
const TYPES: readonly (readonly [number, string])[] = [
  ...([
    [0, 'F32'],
    [1, 'F16'],
    [2, 'Q4_0'],
    [3, 'Q4_1'],
    [6, 'Q5_0'],
    [7, 'Q5_1'],
    [8, 'Q8_0'],
  ] as const),
  ...([
    [9, 'Q8_1'],
    [10, 'Q2_K'],
    [11, 'Q3_K'],
    [12, 'Q4_K'],
    [13, 'Q5_K'],
    [14, 'Q6_K'],
    [15, 'Q8_K'],
  ] as const),
  ...([
    [16, 'IQ2_XXS'],
    [17, 'IQ2_XS'],
    [18, 'IQ3_XXS'],
    [19, 'IQ1_S'],
    [20, 'IQ4_NL'],
  ] as const),
  ...([
    [21, 'IQ3_S'],
    [22, 'IQ2_S'],
    [23, 'IQ4_XS'],
    [24, 'I8'],
    [25, 'I16'],
    [26, 'I32'],
  ] as const),
  ...([
    [27, 'I64'],
    [28, 'F64'],
    [29, 'IQ1_M'],
    [30, 'BF16'],
    [34, 'TQ1_0'],
    [35, 'TQ2_0'],
  ] as const),
  [39, 'MXFP4'],
]

describe('ggml types', () => {
  it.each(TYPES)('%d is %s', async (type, dtype) => {
    const { tensors } = await ggufFormat.open(memorySource('x.gguf', ggufOfOneTensor(type)))
    expect(tensors.get('t')).toMatchObject({ dtype, shape: [256] })
  })

  it('are no others', async () => {
    const known = new Set(TYPES.map(([type]) => type))
    for (const type of Array.from({ length: 50 }, (_, i) => i).filter((i) => !known.has(i)))
      await expect(ggufFormat.open(memorySource('x.gguf', ggufOfOneTensor(type)))).rejects.toMatchObject({
        exitCode: 3,
      })
  })
})

describe('alignments', () => {
  // ggml, gguf.cpp: a power of two
  it.each([undefined, 1, 2, 8, 32, 64, 4096])('%d is one', async (alignment) => {
    const bytes = ggufOfOneTensor(24, alignment)
    const { source } = (await ggufFormat.open(memorySource('x.gguf', bytes))).tensors.get('t')!
    expect(source).toMatchObject({ kind: 'stored', offset: bytes.length - 4096 })
  })

  it.each([0, 3, 48, 33])('%d is none', async (alignment) => {
    await expect(
      ggufFormat.open(memorySource('x.gguf', ggufOfOneTensor(24, alignment))),
    ).rejects.toMatchObject({
      exitCode: 3,
    })
  })
})
