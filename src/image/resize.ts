import { BYTES_PER_PIXEL, type RgbImage } from './image.ts'

/** An image made smaller (or larger): each pixel the mean of those it covers, at least of one. */
export function resized(image: RgbImage, width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * BYTES_PER_PIXEL)
  const columns = ranges(width, image.width)
  for (const [y, [top, bottom]] of ranges(height, image.height).entries()) {
    for (let x = 0; x < width; x++) {
      const [left, right] = columns[x]!
      const pixels = (right - left) * (bottom - top)
      for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) {
        const sum = sumOf(image, left, right, top, bottom, channel)
        data[(y * width + x) * BYTES_PER_PIXEL + channel] = Math.round(sum / pixels)
      }
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

/** What each of `count` pixels covers of `of`. */
function ranges(count: number, of: number): Range[] {
  return Array.from({ length: count }, (_, at) => {
    const begin = Math.floor((at * of) / count)
    return [begin, Math.max(begin + 1, Math.floor(((at + 1) * of) / count))]
  })
}

function sumOf(
  { width, data }: RgbImage,
  left: number,
  right: number,
  top: number,
  bottom: number,
  channel: number,
): number {
  let sum = 0
  for (let y = top; y < bottom; y++) {
    const end = (y * width + right) * BYTES_PER_PIXEL
    for (let at = (y * width + left) * BYTES_PER_PIXEL + channel; at < end; at += BYTES_PER_PIXEL)
      sum += data[at]!
  }
  return sum
}
