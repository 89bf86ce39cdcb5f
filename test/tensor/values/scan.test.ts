import { describe, expect, it } from 'vitest'
import { scanTensor } from '../../../src/tensor/values/scan.ts'
import { bytesTensor, floatTensor } from '../../tables.ts'

const noFile = async () => {
  throw new Error('nothing to read')
}

describe('scanTensor', () => {
  it('counts NaN, Inf and what fp16 cannot hold', async () => {
    const values = [
      1,
      -2,
      Number.NaN,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -70000,
      65519,
      65520,
      1e-9,
      0,
      -0,
      6e-8,
    ]
    expect(await scanTensor(floatTensor('a', [12], values), noFile)).toEqual({
      values: 12,
      nan: 2,
      inf: 1,
      overflowF16: 2,
      vanishF16: 1,
      largest: 70000,
    })
  })

  it('sees infinities in half precision, which cannot overflow any more', async () => {
    const halves = Uint16Array.of(0x7c00, 0x7bff, 0x7e00, 0x0001)
    const result = await scanTensor(bytesTensor('a', 'F16', [4], new Uint8Array(halves.buffer)), noFile)
    expect(result).toMatchObject({ nan: 1, inf: 1, overflowF16: 0, vanishF16: 0, largest: 65504 })
  })

  it('adds up over blocks', async () => {
    const values = new Float32Array(2_200_000)
    values[1_500_000] = Number.NaN
    values[2_199_999] = -3
    const tensor = bytesTensor('a', 'F32', [2_200_000], new Uint8Array(values.buffer))
    expect(await scanTensor(tensor, noFile)).toMatchObject({ values: 2_200_000, nan: 1, largest: 3 })
  })

  it('does not read integers', async () => {
    expect((await scanTensor(bytesTensor('a', 'I64', [1], new Uint8Array(8)), noFile)).values).toBe(0)
  })
})
