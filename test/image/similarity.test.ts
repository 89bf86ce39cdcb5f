import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../src/image/image.ts'
import { differenceMap, similarity } from '../../src/image/similarity.ts'

interface Golden {
  readonly name: string
  readonly size: readonly [number, number]
  readonly a: string
  readonly b: string
  readonly psnr: number
  readonly ssim: number
  readonly meanDifference: number
  readonly maxDifference: number
  readonly changed: number
}

/** Made by scikit-image and numpy: `fixtures/goldens/similarity.py`. */
const goldens: readonly Golden[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/goldens/similarity.json'), 'utf8'),
)

function imageOf([width, height]: readonly [number, number], base64: string): RgbImage {
  return { width, height, data: new Uint8Array(Buffer.from(base64, 'base64')) }
}

describe('similarity', () => {
  it.each(goldens.map((golden) => [golden.name, golden] as const))(
    'of %s is that of scikit-image',
    (_, golden) => {
      const [a, b] = [imageOf(golden.size, golden.a), imageOf(golden.size, golden.b)]
      const found = similarity(a, b)
      expect(found.psnr).toBeCloseTo(golden.psnr, 9)
      expect(found.ssim).toBeCloseTo(golden.ssim, 9)
      expect(found.meanDifference).toBeCloseTo(golden.meanDifference, 9)
      expect(found.maxDifference).toBe(golden.maxDifference)
      expect(found.changed).toBeCloseTo(golden.changed, 12)
      expect(similarity(b, a).ssim).toBeCloseTo(found.ssim, 12)
    },
  )

  it('of equal pictures is perfect', () => {
    const image = { width: 1, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }
    expect(similarity(image, { ...image })).toEqual({
      psnr: Number.POSITIVE_INFINITY,
      ssim: 1,
      meanDifference: 0,
      maxDifference: 0,
      changed: 0,
    })
  })

  it('counts pixels, not channels, and not what rounding may do', () => {
    const data = (...values: number[]) =>
      ({ width: 11, height: 11, data: new Uint8Array(363).fill(9) }).data.map((v, i) => values[i] ?? v)
    const a = { width: 11, height: 11, data: data() }
    const b = { width: 11, height: 11, data: data(12, 12, 9, 10, 10, 8) }
    const { changed, maxDifference, meanDifference } = similarity(a, b)
    expect([changed * 121, maxDifference]).toEqual([1, 3])
    // 3 + 3 + 1 + 1 + 1 of 363 values
    expect(meanDifference).toBeCloseTo(9 / 363, 12)
  })

  it('of different sizes there is none', () => {
    const image = { width: 1, height: 2, data: new Uint8Array(6) }
    expect(() => similarity(image, { ...image, width: 2, height: 1 })).toThrow(RangeError)
  })
})

describe('a difference map', () => {
  it('amplifies, and ends at white', () => {
    const a = { width: 2, height: 1, data: Uint8Array.of(10, 20, 30, 0, 255, 100) }
    const b = { width: 2, height: 1, data: Uint8Array.of(13, 18, 30, 200, 0, 100) }
    expect(differenceMap(a, b, 4).data).toEqual(Uint8Array.of(12, 8, 0, 255, 255, 0))
  })
})
