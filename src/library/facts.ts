/** What is known about each model in a folder, without opening the file again. */
import type { Kind } from '../model/kinds.ts'
import type { LatentSpace } from '../model/networks/architectures/architecture.ts'
import type { ComponentId } from '../model/networks/components.ts'

/** A component of a checkpoint that other files may have, too. */
export interface LibraryPart {
  readonly id: ComponentId
  readonly title: string
  readonly bytes: number
  /** Of a few values of some of its tensors, as fp16: equal for equal components, whatever file and type they are in. */
  readonly sample: string
}

export interface VaeFacts {
  readonly space?: LatentSpace
  /** Only its name says so. */
  readonly weak?: boolean
  readonly possible: readonly LatentSpace[]
}

/** Plain data, as it is kept between two runs. */
export interface LibraryFacts {
  readonly kind: Kind
  readonly title: string
  readonly architecture?: string
  /** A base of adapters, or an architecture without one. */
  readonly family?: string
  /** Of the architecture: `klein-4b`. */
  readonly variant?: string
  /** Types of the weights, the most common first: `fp16`, `fp16, fp32`. */
  readonly precision: string
  /** For whose latents a VAE is; `possible` are those that its shapes allow, where nothing says more. */
  readonly latents?: VaeFacts
  /** What an adapter or embedding is for, and the checkpoint it was trained on. */
  readonly base?: string
  readonly trainedOn?: string
  readonly triggers: readonly string[]
  /** Bytes that `sdtool prune` would save; 0 where there is nothing to prune. */
  readonly prunable: number
  /** Of names, types, shapes and a sample of values: equal for files with the same tensors. None without tensors. */
  readonly digest?: string
  readonly parts: readonly LibraryPart[]
}
