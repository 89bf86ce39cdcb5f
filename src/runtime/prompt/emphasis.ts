/**
 * Weights on the output of a text encoder, for one chunk; then the mean of all values is made what it was.
 * Source: A1111, modules/sd_emphasis.py, "Original"
 * @param hidden [77, width], changed in place
 * @param weights 77
 */
export function emphasize(hidden: Float32Array, weights: readonly number[]): void {
  if (weights.every((weight) => weight === 1)) return
  const width = hidden.length / weights.length
  const before = mean(hidden)
  for (let i = 0; i < hidden.length; i++) hidden[i] = hidden[i]! * weights[Math.floor(i / width)]!
  const restored = before / mean(hidden)
  for (let i = 0; i < hidden.length; i++) hidden[i] = hidden[i]! * restored
}

function mean(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
