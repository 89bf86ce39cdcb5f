import { alphasCumprod, DEFAULT_BETAS } from '../../model/identify/schedule.ts'

/** The noise levels a model was trained with, and the way between them and its timesteps. */
export interface NoiseSchedule {
  /** One for each training step, rising. */
  readonly sigmas: Float64Array
  readonly sigmaMin: number
  readonly sigmaMax: number
  /** Of a model of the SDXL family, which some schedules have other levels for. */
  readonly isSdxl: boolean
  /** @param t timestep, which may lie between two (0 to 999) */
  sigmaOf(t: number): number
  timestepOf(sigma: number): number
}

/** The last alpha of a schedule that ends in pure noise; 0 would be a division by zero. Source: A1111, ComfyUI */
const ZERO_SNR_LAST_ALPHA = 4.8973451890853435e-8

/** @param zeroTerminalSnr stretch it to end in pure noise (marker `ztsnr`) */
export function noiseSchedule(zeroTerminalSnr = false, isSdxl = false): NoiseSchedule {
  const alphas = alphasCumprod(DEFAULT_BETAS)
  const products = zeroTerminalSnr ? stretched(alphas) : alphas
  // float32, as every program keeps them: near 1 the rounding moves the smallest sigma in its fifth digit
  const sigmas = Float64Array.from(products, (product) => {
    const alpha = Math.fround(product)
    return Math.sqrt((1 - alpha) / alpha)
  })
  const logs = sigmas.map((sigma) => Math.log(sigma))
  return {
    sigmas,
    sigmaMin: sigmas[0]!,
    sigmaMax: sigmas.at(-1)!,
    isSdxl,
    sigmaOf: (t) => Math.exp(valueAt(logs, t)),
    timestepOf: (sigma) => positionOf(logs, Math.log(sigma)),
  }
}

/**
 * Square roots shifted and scaled so that the last is 0.
 * Source: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1
 */
function stretched(alphas: Float64Array): Float64Array {
  const roots = alphas.map(Math.sqrt)
  const [first, last] = [roots[0]!, roots.at(-1)!]
  const result = roots.map((root) => (((root - last) * first) / (first - last)) ** 2)
  result[result.length - 1] = ZERO_SNR_LAST_ALPHA
  return result
}

/** Linear between two entries of a table. */
function valueAt(table: Float64Array, position: number): number {
  const low = Math.min(Math.max(Math.floor(position), 0), table.length - 1)
  const high = Math.min(low + 1, table.length - 1)
  return table[low]! + (position - low) * (table[high]! - table[low]!)
}

/** Where a value lies in a rising table, kept inside. */
function positionOf(table: Float64Array, value: number): number {
  let [low, high] = [0, table.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (table[middle]! <= value) low = middle
    else high = middle
  }
  const share = (value - table[low]!) / (table[high]! - table[low]!)
  return low + Math.min(1, Math.max(0, share))
}
