import { mix } from '../latents.ts'
import { eachStep, type Sampler } from '../sampler.ts'
import { ddim } from './ddim.ts'

/** Weights of the noise seen now and in the steps before (Adams-Bashforth), by how many there are. */
const WEIGHTS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
]

/**
 * Pseudo linear multistep; the first step asks the model twice (pseudo improved Euler).
 * Source: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds"; levels as in A1111,
 *   modules/sd_samplers_timesteps_impl.py
 */
export const plms: Sampler = {
  ...ddim,
  name: 'plms',
  label: 'PLMS',
  aliases: ['PNDMScheduler'],
  sample: (run) => {
    let seen: Float32Array[] = []
    return eachStep(run, async ({ x, denoised, sigma, next }) => {
      seen = [noiseOf(x, denoised, sigma), ...seen].slice(0, WEIGHTS.length)
      const moved = (noise: Float32Array) => mix([1, x], [next - sigma, noise])
      if (seen.length > 1 || next === 0) return moved(weighted(seen))
      const ahead = moved(seen[0]!)
      const there = noiseOf(ahead, await run.denoise(ahead, next), next)
      return moved(mix([1 / 2, seen[0]!], [1 / 2, there]))
    })
  },
}

function noiseOf(x: Float32Array, denoised: Float32Array, sigma: number): Float32Array {
  return mix([1 / sigma, x], [-1 / sigma, denoised])
}

function weighted(seen: readonly Float32Array[]): Float32Array {
  const weights = WEIGHTS[seen.length - 1]!
  return mix(...seen.map((noise, i) => [weights[i]!, noise] as const))
}
