import type { EmbeddingInfo, EmbeddingPart } from '../../model/identify/embeddings.ts'
import { refuse } from '../../system/errors.ts'
import type { Source, Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** Name of an embedding for one text encoder; A1111, ComfyUI and kohya's trainers read it. */
const SINGLE = 'emb_params'

/**
 * The vectors of an embedding in the shape and under the names that programs read from safetensors: [n, d], as
 * `emb_params`, or one tensor for each text encoder (`clip_l`, `clip_g`).
 * @returns by the name a tensor has now; others (token ids) have no place in such a file
 * @throws EMBEDDING_IN_PIECES (exit 3) for files with a tensor for each vector, or with several embeddings
 */
export function convertedEmbedding({ parts, snapshots }: EmbeddingInfo): Map<string, Tensor> {
  if (snapshots !== undefined) throw inPieces(snapshots.flat())
  const converted = new Map<string, Tensor>()
  const taken = new Set<string>()
  for (const part of parts) {
    const name = part.role === 'single' ? SINGLE : part.role
    const [tensor] = part.tensors
    if (tensor === undefined || part.tensors.length > 1 || taken.has(name)) throw inPieces(parts)
    taken.add(name)
    converted.set(tensor.name, { ...asRows(tensor), name })
  }
  return converted
}

function inPieces(parts: readonly EmbeddingPart[]): Error {
  const names = parts.flatMap((part) => part.tensors.map((tensor) => tensor.name))
  return refuse('EMBEDDING_IN_PIECES', messages.inPieces(names), messages.extractEach)
}

/** A single vector [d] as a table of one row [1, d]. */
function asRows(tensor: Tensor): Tensor {
  if (tensor.shape.length !== 1) return tensor
  return { ...tensor, shape: [1, tensor.shape[0]!], source: withRowStride(tensor.source) }
}

/** The stride of a dimension of one entry is never used; it only has to be there. */
function withRowStride(source: Source): Source {
  if (source.kind !== 'stored' || source.strides === undefined) return source
  return { ...source, strides: [0, ...source.strides] }
}
