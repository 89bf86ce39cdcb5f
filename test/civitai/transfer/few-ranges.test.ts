import { describe, expect, it } from 'vitest'
import { fewRanges } from '../../../src/civitai/transfer/few-ranges.ts'
import { fc } from '../../properties.ts'

const MB = 1024 * 1024

describe('fewRanges', () => {
  it('joins what is near, and leaves what is far apart', () => {
    const places = [
      { start: 5 * MB, length: 2 },
      { start: 100, length: 2 },
      { start: 200, length: 2 },
      { start: 200, length: 1 },
    ]
    expect(fewRanges(places, 10)).toEqual([
      { start: 100, length: 102 },
      { start: 5 * MB, length: 2 },
    ])
    expect(fewRanges([], 10)).toEqual([])
  })

  it('joins over the smallest gaps when there would be too many', () => {
    const places = [0, 1, 3, 9].map((at) => ({ start: at * MB, length: 4 }))
    expect(fewRanges(places, 2)).toEqual([
      { start: 0, length: 3 * MB + 4 },
      { start: 9 * MB, length: 4 },
    ])
    expect(fewRanges(places, 1)).toEqual([{ start: 0, length: 9 * MB + 4 }])
  })

  it('covers every place by no more runs than allowed, which do not overlap', () => {
    const place = fc.record({ start: fc.nat(3 * MB), length: fc.integer({ min: 1, max: 100_000 }) })
    fc.assert(
      fc.property(fc.array(place, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (places, most) => {
        const ranges = fewRanges(places, most)
        expect(ranges.length).toBeLessThanOrEqual(most)
        for (const { start, length } of places)
          expect(
            ranges.some((range) => range.start <= start && start + length <= range.start + range.length),
          ).toBe(true)
        for (const [i, { start }] of ranges.entries())
          if (i > 0) expect(start).toBeGreaterThan(ranges[i - 1]!.start + ranges[i - 1]!.length)
      }),
    )
  })
})
