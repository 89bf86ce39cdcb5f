/**
 * A1111's short checksum of the values, in row-major order: four hex digits. NaN counts as 0, where A1111 fails.
 * Source: AUTOMATIC1111 `modules/textual_inversion/textual_inversion.py`, `Embedding.checksum`.
 */
export function embeddingChecksum(values: Float32Array): string {
  let hash = 0
  for (const value of values) {
    const hundredths = Math.trunc(Math.fround(value * 100))
    hash = Math.imul(hash, 281) ^ Math.imul(hundredths | 0, 997)
  }
  return (hash & 0xffff).toString(16).padStart(4, '0')
}
