import type { EmbeddingInfo } from './embeddings.ts'
import type { ValueReader } from './evidence.ts'

/**
 * The four hex digits A1111 shows behind the name of an embedding. Undefined for files with several tensors, of
 * which it shows none.
 */
export async function embeddingHash(
  { parts }: EmbeddingInfo,
  read: ValueReader,
): Promise<string | undefined> {
  const [tensor, ...others] = parts.flatMap((part) => part.tensors)
  if (tensor === undefined || others.length > 0) return undefined
  return embeddingChecksum(Float32Array.from(await read(tensor)))
}

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
