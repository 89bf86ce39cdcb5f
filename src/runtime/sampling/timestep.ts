/**
 * Sinusoidal features of numbers, cosines first: of timesteps (`width` = channels of the UNet) and of the sizes in the
 * vector of SDXL (`width` = 256). Computed here, as a graph on a GPU loses four digits in sines of large angles.
 * Source: `timestep_embedding` of ldm/modules/diffusionmodules/util.py.
 *
 * @param values n numbers, not necessarily whole
 * @returns [n, width]
 */
export function timestepEmbedding(values: readonly number[], width: number): Float32Array {
  const half = Math.floor(width / 2)
  const out = new Float32Array(values.length * width)
  for (const [row, value] of values.entries()) {
    for (let i = 0; i < half; i++) {
      const angle = value * Math.exp((-Math.log(10_000) * i) / half)
      out[row * width + i] = Math.cos(angle)
      out[row * width + half + i] = Math.sin(angle)
    }
  }
  return out
}
