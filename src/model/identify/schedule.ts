import { defined } from '../../system/defined.ts'
import type { DType } from '../../tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { Architecture, BetaRange } from '../networks/architectures/architecture.ts'
import { SD_LATENT } from '../networks/architectures/sd1.ts'
import { readEvidence, readScalar, type ValueReader } from './evidence.ts'

/** `linear_start` and `linear_end` of every Stable Diffusion but the x4 upscaler. */
export const DEFAULT_BETAS: BetaRange = [0.00085, 0.012]

const STEPS = 1000

/** Values in a file come from float32 arithmetic; a trained schedule differs by far more. */
const TOLERANCE = 1e-4

/** Half a step between 0.5 and 1 of the shorter types, which a cast of the whole file adds. */
const ROUNDING: Readonly<Partial<Record<DType, number>>> = { F16: 2 ** -12, BF16: 2 ** -9 }

function toleranceOf({ dtype }: Tensor): number {
  return TOLERANCE + (ROUNDING[dtype] ?? 0)
}

/** What the schedule buffers of a checkpoint hold. */
export interface ScheduleBuffers {
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

/** What the buffers of a file are compared with. */
type Expected = Pick<Architecture, 'betas' | 'latent'>

/**
 * Holds `alphas_cumprod` (`betas` where only they are there), the noise levels of sgm and ComfyUI, and the scale of
 * the latents against those of the architecture. Undefined if the file has none of them.
 */
export async function readSchedule(
  table: TensorTable,
  read: ValueReader,
  { betas = DEFAULT_BETAS, latent }: Expected = { latent: SD_LATENT },
): Promise<ScheduleBuffers | undefined> {
  const expected = alphasCumprod(betas)
  const source = table.tensors.get('alphas_cumprod') ?? table.tensors.get('betas')
  const stored = source && (await storedAlphas(source, read))
  const checks = [
    stored && isNear(stored, expected, toleranceOf(source)),
    await usualSigmas(table, read, expected),
    await usualScale(table, read, latent.scale),
  ].filter((check) => check !== undefined)
  if (checks.length === 0) return undefined
  const lastAlpha = stored?.at(-1)
  return { isDefault: checks.every(Boolean), ...defined({ lastAlpha }) }
}

function isNear(values: Float64Array, expected: Float64Array, tolerance: number): boolean {
  return (
    values.length === expected.length &&
    values.every((value, i) => Math.abs(value - expected[i]!) <= tolerance)
  )
}

const SIGMAS = ['denoiser.sigmas', 'model.model_sampling.sigmas']

/** Noise levels `sqrt((1 - a) / a)`, which sgm stores from high to low and ComfyUI from low to high. */
async function usualSigmas(
  table: TensorTable,
  read: ValueReader,
  alphas: Float64Array,
): Promise<boolean | undefined> {
  const found = SIGMAS.map((name) => table.tensors.get(name)).filter((tensor) => tensor !== undefined)
  if (found.length === 0) return undefined
  for (const tensor of found) {
    const values = await readEvidence(tensor, STEPS, read)
    if (values === undefined) return false
    const rising = values[0]! < values[STEPS - 1]! ? values : values.toReversed()
    // Held against the alphas they stand for, as sigmas reach from 0.03 to 15
    if (
      !isNear(
        rising.map((sigma) => 1 / (1 + sigma * sigma)),
        alphas,
        toleranceOf(tensor),
      )
    )
      return false
  }
  return true
}

/** `scale_factor`: models trained with `scale_by_std` carry a scale of their own. */
async function usualScale(
  table: TensorTable,
  read: ValueReader,
  scale: number,
): Promise<boolean | undefined> {
  const tensor = table.tensors.get('scale_factor')
  if (!tensor) return undefined
  const value = await readScalar(tensor, read)
  return value !== undefined && Math.abs(value - scale) <= toleranceOf(tensor)
}

/** `alphas_cumprod` as it is, or computed from `betas`; nothing if it has not one entry a step. */
async function storedAlphas(source: Tensor, read: ValueReader): Promise<Float64Array> {
  const values = await readEvidence(source, STEPS, read)
  if (values === undefined) return new Float64Array()
  if (source.name !== 'betas') return values
  let product = 1
  return values.map((beta) => {
    product *= 1 - beta
    return product
  })
}
