import type { Tensor } from '../../tensor/table.ts'

/**
 * The tensors of one adapter module by role. A role is the suffix in its most common spelling (`lora_down`,
 * `lokr_w1_a`, `alpha`); aliases of other trainers are resolved before.
 */
export type Parts = ReadonlyMap<Role, Tensor>

export type Role = string

/** What the factors say about the weight they change. Undefined where the file alone cannot tell. */
export interface TargetShape {
  readonly out?: number
  readonly in?: number
  /** [kh, kw]; [1, 1] for linear layers and 1x1 convolutions. */
  readonly kernel?: readonly [number, number]
}

/** How a suffix is spelled in files. */
export interface SuffixSpelling {
  readonly suffix: string
  readonly role: Role
  /**
   * The suffix also ends ordinary weights (`weight`, `bias`, `scale`): it only counts for a module that
   * another tensor has already shown to be an adapter.
   */
  readonly generic?: true
}

/** One family of adapters: which tensors make a module of it, and how to read their shapes. */
export interface Algorithm {
  readonly id: string
  /** For people: "LoRA", "LoKr". */
  readonly title: string
  readonly spellings: readonly SuffixSpelling[]
  /** Alternatives; a module belongs to the algorithm if all roles of one of them are there. */
  readonly required: readonly (readonly Role[])[]
  readonly optional: readonly Role[]
  /** A further condition on shapes, where two algorithms share their suffixes (OFT and BOFT). */
  readonly accepts?: (parts: Parts) => boolean
  /** Rank that divides alpha; undefined if alpha does not scale (or the algorithm has no rank). */
  readonly rank: (parts: Parts) => number | undefined
  readonly target: (parts: Parts) => TargetShape
  /** Shapes that contradict each other, as one sentence; undefined when they fit. */
  readonly misfit?: (parts: Parts) => string | undefined
}
