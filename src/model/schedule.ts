import { elementCount } from '../tensor/dtype.ts'
import type { TensorTable } from '../tensor/table.ts'
import type { ValueReader } from './adapters/info.ts'
import type { BetaRange } from './architectures/architecture.ts'

/** `linear_start` and `linear_end` of every Stable Diffusion but the x4 upscaler. */
export const DEFAULT_BETAS: BetaRange = [0.00085, 0.012]

const STEPS = 1000

/** Values in a file come from float32 or float16 arithmetic; a trained schedule differs by far more. */
const TOLERANCE = 1e-4

/** What the schedule buffers of a checkpoint hold. */
export interface Schedule {
  /** The values loaders compute themselves, so the buffers say nothing new. */
  readonly isDefault: boolean
  /** The last `alphas_cumprod`; 0 for a schedule that ends in pure noise. */
  readonly lastAlpha?: number
}

/**
 * Products of `1 - beta` for betas evenly spaced in their square roots ("scaled linear").
 * Source: make_beta_schedule('linear') in ldm/modules/diffusionmodules/util.py.
 */
export function alphasCumprod([start, end]: BetaRange, steps = STEPS): Float64Array {
  const [a, b] = [Math.sqrt(start), Math.sqrt(end)]
  let product = 1
  return Float64Array.from({ length: steps }, (_, i) => {
    const root = a + ((b - a) * i) / (steps - 1)
    product *= 1 - root * root
    return product
  })
}

/**
 * Holds `alphas_cumprod`, or `betas` where only they are there, against the schedule of the architecture.
 * Undefined if the file has neither.
 */
export async function readSchedule(
  table: TensorTable,
  read: ValueReader,
  betas: BetaRange = DEFAULT_BETAS,
): Promise<Schedule | undefined> {
  const stored = await storedAlphas(table, read)
  if (stored === undefined) return undefined
  const expected = alphasCumprod(betas)
  const isDefault =
    stored.length === expected.length &&
    stored.every((value, i) => Math.abs(value - expected[i]!) <= TOLERANCE)
  const lastAlpha = stored.at(-1)
  return { isDefault, ...(lastAlpha === undefined ? {} : { lastAlpha }) }
}

async function storedAlphas(table: TensorTable, read: ValueReader): Promise<Float64Array | undefined> {
  const alphas = table.tensors.get('alphas_cumprod')
  if (alphas) return elementCount(alphas.shape) > STEPS ? new Float64Array() : read(alphas)
  const betas = table.tensors.get('betas')
  if (!betas) return undefined
  if (elementCount(betas.shape) > STEPS) return new Float64Array()
  let product = 1
  return (await read(betas)).map((beta) => {
    product *= 1 - beta
    return product
  })
}
