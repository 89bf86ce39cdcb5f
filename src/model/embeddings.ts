import type { Finding, Tensor } from '../tensor/table.ts'

/** Which text encoder the vectors are for. `single`: the file has one kind and does not say. */
export type EmbeddingRole = 'single' | 'clip_l' | 'clip_g' | 't5xxl'

export interface EmbeddingPart {
  readonly role: EmbeddingRole
  /** The text that calls it, where the file has one: `<birb-style>`, `*`. */
  readonly token?: string
  /** Stored as [d] or [n, d]; rows of all tensors in this order are the vectors. */
  readonly tensors: readonly Tensor[]
  readonly vectors: number
  readonly dim: number
}

export interface EmbeddingInfo {
  /** How the file keeps them: `a1111`, `ldm`, `diffusers`, `list`, `emb_params`, `clip_l+clip_g` ... */
  readonly layout: string
  readonly title: string
  readonly name?: string
  readonly token?: string
  readonly parts: readonly EmbeddingPart[]
  /** Prompt tokens it takes. */
  readonly vectors: number
  /** `sd1`, `sd2`, `sdxl`, `sd3`; undefined if the widths fit none. */
  readonly architecture?: string
  readonly steps?: number
  readonly trainedOn?: { readonly name?: string; readonly hash?: string }
  readonly findings: readonly Finding[]
}
