import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/tensor/bytes.ts'
import { ggufFormat } from '../../../src/tensor/formats/gguf.ts'

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

/** One tensor of 256 elements, with 4 KiB behind the header. */
function file(type: number): Uint8Array {
  const [header, end] = [Buffer.alloc(24), Buffer.alloc(24)]
  header.write('GGUF')
  header.writeUInt32LE(3, 4)
  header.writeBigUInt64LE(1n, 8)
  // name, one dimension of 256, type, offset
  const name = Buffer.concat([Buffer.from(BigUint64Array.of(1n).buffer), Buffer.from('t')])
  end.writeUInt32LE(1, 0)
  end.writeBigUInt64LE(256n, 4)
  end.writeUInt32LE(type, 12)
  const all = Buffer.concat([header, name, end])
  return Buffer.concat([all, Buffer.alloc(64 - all.length), Buffer.alloc(4096)])
}

describe('ggml types', () => {
  it.each(TYPES)('%d is %s', async (type, dtype) => {
    const { tensors } = await ggufFormat.open(memorySource('x.gguf', file(type)))
    expect(tensors.get('t')).toMatchObject({ dtype, shape: [256] })
  })

  it('are no others', async () => {
    const known = new Set(TYPES.map(([type]) => type))
    for (const type of Array.from({ length: 50 }, (_, i) => i).filter((i) => !known.has(i)))
      await expect(ggufFormat.open(memorySource('x.gguf', file(type)))).rejects.toMatchObject({ exitCode: 3 })
  })
})
