import type { EmbeddingInfo, EmbeddingPart } from '../../model/embeddings.ts'
import type { ValueReader } from '../../model/evidence.ts'
import type { TextTower } from '../engine.ts'
import type { PromptEmbedding } from './chunks.ts'

/** An embedding whose vectors are read, for the text encoders of one model. */
export interface LoadedEmbedding extends PromptEmbedding {
  /** Where it was found. */
  readonly path: string
  /** [vectors, width] of each tower it is for. */
  readonly rows: ReadonlyMap<TextTower['id'], Float32Array>
}

/** The part of an embedding that is for a tower: by its role, or the only one there is, of the right width. */
function partFor({ parts }: EmbeddingInfo, tower: TextTower): readonly EmbeddingPart[] {
  return parts.filter(({ role, dim }) => dim === tower.width && (role === tower.id || role === 'single'))
}

/**
 * Reads the vectors for all towers of a model. Undefined if the embedding is for another kind of model: it lacks
 * vectors for one of them, or has others than that.
 */
export async function loadEmbedding(
  name: string,
  path: string,
  info: EmbeddingInfo,
  towers: readonly TextTower[],
  read: ValueReader,
): Promise<LoadedEmbedding | undefined> {
  const rows = new Map<TextTower['id'], Float32Array>()
  let vectors = 0
  for (const tower of towers) {
    const parts = partFor(info, tower)
    if (parts.length === 0) return undefined
    const values = await Promise.all(parts.flatMap(({ tensors }) => tensors).map(read))
    const own = Float32Array.from(values.flatMap((row) => [...row]))
    rows.set(tower.id, own)
    vectors = Math.max(vectors, own.length / tower.width)
  }
  return { name, path, vectors, rows }
}
