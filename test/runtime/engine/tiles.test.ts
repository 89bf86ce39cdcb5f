import { describe, expect, it } from 'vitest'
import { cut, mosaic, spans } from '../../../src/runtime/engine/tiles.ts'
import { fc } from '../../properties.ts'

describe('spans', () => {
  it('cover an axis in tiles of one size that overlap enough', () => {
    const sizes = fc.record({
      size: fc.integer({ min: 1, max: 500 }),
      tile: fc.integer({ min: 8, max: 64 }),
      share: fc.integer({ min: 1, max: 7 }),
    })
    fc.assert(
      fc.property(sizes, ({ size, tile, share }) => {
        const overlap = Math.floor((tile * share) / 8)
        const found = spans(size, tile, overlap)
        expect(found[0]!.begin).toBe(0)
        expect(found.at(-1)!.end).toBe(size)
        for (const { begin, end } of found) expect(end - begin).toBe(Math.min(size, tile))
        for (const [i, { begin }] of found.slice(1).entries())
          expect(found[i]!.end - begin).toBeGreaterThanOrEqual(overlap)
      }),
    )
  })

  it('are one where the axis is no longer than a tile', () => {
    expect(spans(64, 64, 16)).toEqual([{ begin: 0, end: 64 }])
    expect(spans(65, 64, 16)).toEqual([
      { begin: 0, end: 64 },
      { begin: 1, end: 65 },
    ])
  })
})

describe('a mosaic', () => {
  it('of tiles that agree is the picture they were cut from', () => {
    const [channels, height, width] = [3, 20, 29]
    const data = Float32Array.from({ length: channels * height * width }, (_, i) => Math.sin(i))
    const whole = mosaic(channels, height, width)
    for (const y of spans(height, 12, 4)) {
      for (const x of spans(width, 12, 4)) whole.add(cut({ data, channels, height, width }, y, x), y, x, 4)
    }
    const difference = whole.picture().map((value, i) => Math.abs(value - data[i]!))
    expect(Math.max(...difference)).toBeLessThan(1e-6)
  })

  it('mixes tiles that differ without a step: no weight jumps from one column to the next', () => {
    const width = 20
    const whole = mosaic(1, 1, width)
    const flat = (value: number) => ({
      data: new Float32Array(12).fill(value),
      channels: 1,
      height: 1,
      width: 12,
    })
    const [left, right] = spans(width, 12, 4)
    whole.add(flat(0), { begin: 0, end: 1 }, left!, 4)
    whole.add(flat(1), { begin: 0, end: 1 }, right!, 4)
    // weights of the right tile over the four columns they share: 1/8, 3/8, 5/8, 7/8
    expect([...whole.picture().slice(7, 13)]).toEqual([0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1])
  })
})
