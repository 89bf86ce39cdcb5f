import { mix } from './latents.ts'

/**
 * Classifier-free guidance on what a network predicts, which is the same on noise, velocity and pictures.
 * Source: Ho and Salimans 2022
 */
export function guided(text: Float32Array, empty: Float32Array, scale: number): Float32Array {
  return mix([1 - scale, empty], [scale, text])
}

/**
 * Several prompts as one: each pulls away from the empty prompt with its weight.
 * Source: Liu et al. 2022, "Compositional Visual Generation with Composable Diffusion Models"
 */
export function composed(
  parts: readonly (readonly [weight: number, values: Float32Array])[],
  empty: Float32Array,
): Float32Array {
  const [first] = parts
  if (parts.length === 1 && first![0] === 1) return first![1]
  const total = parts.reduce((sum, [weight]) => sum + weight, 0)
  return mix([1 - total, empty], ...parts)
}

/**
 * Takes back some of what guidance does to the contrast.
 * @param share 0 leaves `values` as they are, 1 gives them the deviation of `text`
 * @param text prediction without guidance
 * Source: Lin et al. 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed", 3.4; on the prediction of
 *   the network, as diffusers has it (`guidance_rescale`)
 */
export function rescaled(values: Float32Array, text: Float32Array, share: number): Float32Array {
  const factor = deviation(text) / deviation(values)
  return mix([share * factor + 1 - share, values])
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
