import { describe, expect, it } from 'vitest'
import { alphasCumprod, DEFAULT_BETAS, readSchedule } from '../../../src/model/identify/schedule.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import { tableOf, valuesOf } from '../tables.ts'

const usual = [...alphasCumprod(DEFAULT_BETAS)]

/**
 * Entries of the usual schedule as torch computes it:
 * betas = torch.linspace(0.00085 ** .5, 0.012 ** .5, 1000, dtype=torch.float64) ** 2; (1 - betas).cumprod(0)
 */
const TORCH: readonly (readonly [index: number, beta: number, alpha: number])[] = [
  [0, 0.00085, 0.99915],
  [499, 0.004803792980550717, 0.27766965045646763],
  [999, 0.012, 0.004660098513077238],
]

async function isDefault(
  values: Record<string, readonly number[]>,
  dtype: DType = 'F32',
): Promise<boolean | undefined> {
  const table = tableOf(
    Object.entries(values).map(([name, v]): [string, Shape] => [name, [v.length]]),
    { dtype },
  )
  return (await readSchedule(table, valuesOf(values)))?.isDefault
}

describe('alphasCumprod', () => {
  it('is the schedule of Stable Diffusion', () => {
    for (const [index, , alpha] of TORCH) expect(usual[index]).toBeCloseTo(alpha, 12)
  })
})

describe('readSchedule', () => {
  it('has nothing to say of files without buffers', async () => {
    expect(await isDefault({})).toBeUndefined()
  })

  it('takes the usual values for usual, also after a cast of the file', async () => {
    expect(await isDefault({ alphas_cumprod: usual.map(Math.fround) })).toBe(true)
    const truncated = usual.map((value) => Math.round(value * 2048) / 2048) // coarser than float16 between 0.5 and 1
    expect(await isDefault({ alphas_cumprod: truncated }, 'F16')).toBe(true)
    expect(await isDefault({ alphas_cumprod: truncated })).toBe(false)
  })

  it('tells a schedule that ends in pure noise, in every type', async () => {
    const zero = usual.map((value, i) => (i === 999 ? 0 : value))
    for (const dtype of ['F32', 'F16', 'BF16'] as const)
      expect(await isDefault({ alphas_cumprod: zero }, dtype)).toBe(false)
  })

  it('computes the products where only betas are there', async () => {
    const betas = usual.map((value, i) => 1 - value / (usual[i - 1] ?? 1))
    for (const [index, beta] of TORCH) expect(betas[index]).toBeCloseTo(beta, 12)
    expect(await isDefault({ betas })).toBe(true)
    expect(await isDefault({ betas: betas.map((beta) => beta * 1.1) })).toBe(false)
  })

  it('checks noise levels in both orders', async () => {
    const sigmas = usual.map((alpha) => Math.sqrt((1 - alpha) / alpha))
    expect(await isDefault({ 'denoiser.sigmas': sigmas.toReversed() })).toBe(true)
    expect(await isDefault({ 'model.model_sampling.sigmas': sigmas })).toBe(true)
    const noisier = sigmas.map((sigma) => sigma * 2)
    expect(await isDefault({ 'denoiser.sigmas': noisier })).toBe(false)
  })

  it('notices a scale of the latents that is not that of the architecture', async () => {
    expect(await isDefault({ scale_factor: [0.18215] })).toBe(true)
    expect(await isDefault({ scale_factor: [0.2] })).toBe(false)
  })

  it('never reads a buffer that is longer than a schedule', async () => {
    const table = tableOf([['alphas_cumprod', [1e9]], ['scale_factor', [1e9]], ['denoiser.sigmas', [1e9]]]) // biome-ignore format: one line
    expect((await readSchedule(table, valuesOf()))?.isDefault).toBe(false)
  })
})
