/** Sum of weighted latents, rounded once. */
export function mix(...terms: readonly (readonly [weight: number, latents: Float32Array])[]): Float32Array {
  const count = terms[0]![1].length
  const sum = new Float64Array(count)
  for (const [weight, latents] of terms) {
    for (let i = 0; i < count; i++) sum[i] = sum[i]! + weight * latents[i]!
  }
  return Float32Array.from(sum)
}

/** Every value times `factor`, in binary32; of any shape. */
export function scaleLatents(latents: Float32Array, factor: number): Float32Array {
  return latents.map((value) => value * factor)
}
