import { describe, expect, it } from 'vitest'
import { countPatch, type PatchStats } from '../../../src/tensor/algebra/patch-stats.ts'

describe('countPatch', () => {
  it('tells the change, what rounding did to it, and how many values are other ones now', () => {
    const into = new Map<string, PatchStats>()
    // in fp16: 1, 1 (1 + 2^-12 rounds back), 2.5
    const written = new Uint8Array(Uint16Array.of(0x3c00, 0x3c00, 0x4100).buffer)
    const [before, after] = [Float32Array.of(1, 1, 2), Float32Array.of(1, 1 + 2 ** -12, 2.5)]
    countPatch(into, 'w', 'F16', before, after, written)
    const one = { count: 3, base2: 6, delta2: 0.25 + 2 ** -24, error2: 2 ** -24, changed: 1 }
    expect(into.get('w')).toEqual(one)
    countPatch(into, 'w', 'F16', Float64Array.from(before), Float64Array.from(after), written)
    expect(into.get('w')).toEqual({
      count: 6,
      base2: 12,
      delta2: 0.5 + 2 ** -23,
      error2: 2 ** -23,
      changed: 2,
    })
  })
})
