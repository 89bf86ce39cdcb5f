import { brownianTree } from '../random/brownian-tree.ts'
import type { Gaussian, Seed } from '../random/gaussian.ts'
import type { StepNoise } from './sampler.ts'

/** The numbers that follow the first noise of a picture: A1111, and diffusers with a generator. */
export function followingNoise(gaussian: Gaussian, count: number): StepNoise {
  return () => gaussian(count)
}

/**
 * Noise of the SDE samplers: one Brownian motion over all noise levels, so that a picture changes little with the number
 * of steps. Source: k-diffusion `BrownianTreeNoiseSampler`, with one tree for each picture, as in A1111
 */
export function brownianNoise(
  seed: Seed,
  sigmas: readonly number[],
  count: number,
  gaussianOf: (seed: Seed) => Gaussian,
): StepNoise {
  // float32, as the levels of the programs are: a millionth more or less is another number
  const levels = sigmas.filter((sigma) => sigma > 0).map(Math.fround)
  const motion = brownianTree(seed, [Math.min(...levels), Math.max(...levels)], count, gaussianOf)
  return (sigma, next) => {
    const [from, to] = [Math.fround(next), Math.fround(sigma)]
    const deviation = Math.sqrt(to - from)
    return motion(from, to).map((increment) => -increment / deviation)
  }
}
