/** How alike two pictures of the same size are. */
import { BYTES_PER_PIXEL, type RgbImage } from './image.ts'
import { meanSsim } from './ssim.ts'

export interface Similarity {
  /** Peak signal-to-noise ratio in dB over all channels; infinite for equal pictures. */
  readonly psnr: number
  /** Structural similarity, the mean of R, G and B; 1 for equal pictures. */
  readonly ssim: number
  /** Mean of |b - a| over all channels, of 255. */
  readonly meanDifference: number
  readonly maxDifference: number
  /** Part of the pixels of which a channel differs by more than `ROUNDING`. */
  readonly changed: number
}

/** Two programs may round the same value up and down. */
export const ROUNDING = 1

const PEAK = 255

/** @throws RangeError for pictures of different sizes */
export function similarity(a: RgbImage, b: RgbImage): Similarity {
  if (a.width !== b.width || a.height !== b.height) throw new RangeError('pictures of different sizes')
  let [sum, squares, max, changed] = [0, 0, 0, 0]
  for (let at = 0; at < a.data.length; at += BYTES_PER_PIXEL) {
    let largest = 0
    for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) {
      const difference = Math.abs(a.data[at + channel]! - b.data[at + channel]!)
      sum += difference
      squares += difference * difference
      if (difference > largest) largest = difference
    }
    if (largest > max) max = largest
    if (largest > ROUNDING) changed++
  }
  const count = a.data.length
  return {
    psnr: psnrOf(squares / count),
    ssim: max === 0 ? 1 : meanSsim(a, b),
    meanDifference: sum / count,
    maxDifference: max,
    changed: changed / (a.width * a.height),
  }
}

function psnrOf(meanSquare: number): number {
  return meanSquare === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10((PEAK * PEAK) / meanSquare)
}

/**
 * |b - a| of every channel, times `gain`, on black: what is equal stays dark.
 * @throws RangeError for pictures of different sizes
 */
export function differenceMap(a: RgbImage, b: RgbImage, gain: number): RgbImage {
  if (a.width !== b.width || a.height !== b.height) throw new RangeError('pictures of different sizes')
  const data = new Uint8ClampedArray(a.data.length)
  for (let at = 0; at < data.length; at++) data[at] = gain * Math.abs(a.data[at]! - b.data[at]!)
  return { width: a.width, height: a.height, data: new Uint8Array(data.buffer) }
}
