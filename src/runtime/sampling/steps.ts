/** What several samplers are made of. */
import { mix } from './latents.ts'

/**
 * Along the line from the noisy to the clean picture: `x + (x - denoised) / sigma * (next - sigma)`. The exact way
 * of a denoiser that does not change.
 */
export function towards(x: Float32Array, denoised: Float32Array, sigma: number, next: number): Float32Array {
  const kept = next / sigma
  return mix([kept, x], [1 - kept, denoised])
}

/** Noise level a step goes down to, and how much new noise brings it up again. */
export interface AncestralSplit {
  readonly down: number
  readonly up: number
}

/** Source: k-diffusion `get_ancestral_step`, eta = 1 */
export function ancestralSplit(sigma: number, next: number): AncestralSplit {
  const up = Math.min(next, Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2))
  return { down: Math.sqrt(next ** 2 - up ** 2), up }
}

/** Halfway in log sigma. */
export function between(sigma: number, next: number): number {
  return Math.sqrt(sigma * next)
}
