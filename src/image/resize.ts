import { BYTES_PER_PIXEL, type RgbImage } from './image.ts'

/** An image made smaller (or larger): each pixel the mean of those it covers, at least of one. */
export function resized(image: RgbImage, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * BYTES_PER_PIXEL)
  for (let y = 0; y < height; y++) {
    const rows = covered(y, height, image.height)
    for (let x = 0; x < width; x++) {
      const mean = meanOf(image, covered(x, width, image.width), rows)
      data.set(mean, (y * width + x) * BYTES_PER_PIXEL)
    }
  }
  return { width, height, data }
}

/** An image that fits into a box, with its proportions; no larger than it was. */
export function fitted(image: RgbImage, maxWidth: number, maxHeight: number): RgbImage {
  const scale = Math.min(1, maxWidth / image.width, maxHeight / image.height)
  if (scale === 1) return image
  const size = (length: number) => Math.max(1, Math.floor(length * scale))
  return resized(image, size(image.width), size(image.height))
}

type Range = readonly [begin: number, end: number]

function covered(at: number, count: number, of: number): Range {
  const begin = Math.floor((at * of) / count)
  return [begin, Math.max(begin + 1, Math.floor(((at + 1) * of) / count))]
}

function meanOf({ width, data }: RgbImage, [left, right]: Range, [top, bottom]: Range): number[] {
  const sums = [0, 0, 0]
  for (let y = top; y < bottom; y++) {
    for (let at = (y * width + left) * BYTES_PER_PIXEL; at < (y * width + right) * BYTES_PER_PIXEL; ) {
      for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) sums[channel]! += data[at++]!
    }
  }
  const pixels = (right - left) * (bottom - top)
  return sums.map((sum) => Math.round(sum / pixels))
}
