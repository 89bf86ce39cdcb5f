/**
 * Structural similarity: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
 * structural similarity", IEEE Transactions on Image Processing 13 (4), 2004, with the window and constants of the paper.
 */
import { BYTES_PER_PIXEL, type RgbImage } from './image.ts'

/** Gaussian of 11 x 11 pixels and standard deviation 1.5. */
const RADIUS = 5
const WINDOW = gaussian(RADIUS, 1.5)
const SIZE = WINDOW.length

const PEAK = 255
const C1 = (0.01 * PEAK) ** 2
const C2 = (0.03 * PEAK) ** 2

function gaussian(radius: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  )
  const sum = weights.reduce((total, weight) => total + weight)
  return weights.map((weight) => weight / sum)
}

/**
 * The mean over all windows that lie inside of the pictures, and over the three channels. The paper looks at
 * luminance; a wrong VAE may leave that alone and change the colours.
 * @throws RangeError for pictures smaller than a window
 */
export function meanSsim(a: RgbImage, b: RgbImage): number {
  if (a.width < SIZE || a.height < SIZE) throw new RangeError(`SSIM needs ${SIZE} x ${SIZE} pixels`)
  const row = a.width * BYTES_PER_PIXEL
  const moments = newMoments(row)
  const columns = (a.width - SIZE + 1) * BYTES_PER_PIXEL
  const rows = a.height - SIZE + 1
  let sum = 0
  for (let y = 0; y < rows; y++) {
    weighDown(a.data, b.data, y * row, moments)
    for (let i = 0; i < columns; i++) sum += ssimAt(moments, i)
  }
  return sum / (columns * rows)
}

/** Weighted means down a column of the window, for each value of a row: of both pictures, their squares, their product. */
interface Moments {
  readonly x: Float64Array
  readonly y: Float64Array
  readonly xx: Float64Array
  readonly yy: Float64Array
  readonly xy: Float64Array
}

function newMoments(length: number): Moments {
  const [x, y, xx, yy, xy] = Array.from({ length: 5 }, () => new Float64Array(length)) as Float64Array[]
  return { x: x!, y: y!, xx: xx!, yy: yy!, xy: xy! }
}

/** @param from index of the first value of the uppermost row */
function weighDown(a: Uint8Array, b: Uint8Array, from: number, { x, y, xx, yy, xy }: Moments): void {
  for (const moment of [x, y, xx, yy, xy]) moment.fill(0)
  for (let k = 0; k < SIZE; k++) {
    const [weight, begin] = [WINDOW[k]!, from + k * x.length]
    for (let i = 0; i < x.length; i++) {
      const [p, q] = [a[begin + i]!, b[begin + i]!]
      x[i]! += weight * p
      y[i]! += weight * q
      xx[i]! += weight * p * p
      yy[i]! += weight * q * q
      xy[i]! += weight * p * q
    }
  }
}

/** Equation 13 of the paper, for the window whose leftmost column is `i`. */
function ssimAt({ x, y, xx, yy, xy }: Moments, i: number): number {
  let [mx, my, mxx, myy, mxy] = [0, 0, 0, 0, 0]
  for (let k = 0; k < SIZE; k++) {
    const [weight, at] = [WINDOW[k]!, i + k * BYTES_PER_PIXEL]
    mx += weight * x[at]!
    my += weight * y[at]!
    mxx += weight * xx[at]!
    myy += weight * yy[at]!
    mxy += weight * xy[at]!
  }
  const means = mx * mx + my * my
  return ((2 * mx * my + C1) * (2 * (mxy - mx * my) + C2)) / ((means + C1) * (mxx + myy - means + C2))
}
