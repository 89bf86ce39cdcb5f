import type { EmbeddingInfo, EmbeddingPart } from '../../model/identify/embeddings.ts'
import type { ValueReader } from '../../model/identify/evidence.ts'
import type { TextTower } from '../engine/engine.ts'
import type { PromptEmbedding } from './chunks.ts'

/** The vectors of an embedding, for the text encoders of one model. */
export interface LoadedRows {
  /** Tokens it takes up. */
  readonly vectors: number
  /** [vectors, width] of each tower it is for. */
  readonly rows: ReadonlyMap<TextTower['id'], Float32Array>
}

export interface LoadedEmbedding extends PromptEmbedding, LoadedRows {
  /** Where it was found. */
  readonly path: string
}

/** The part of an embedding that is for a tower: by its role, or the only one there is, of the right width. */
function partFor({ parts }: EmbeddingInfo, tower: TextTower): readonly EmbeddingPart[] {
  return parts.filter(({ role, dim }) => dim === tower.width && (role === tower.id || role === 'single'))
}

/**
 * Reads the vectors for all towers of a model. Undefined if the embedding is for another kind of model: it lacks
 * vectors for one of them, or has others than that.
 */
export async function loadRows(
  info: EmbeddingInfo,
  towers: readonly TextTower[],
  read: ValueReader,
): Promise<LoadedRows | undefined> {
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
  return { vectors, rows }
}
