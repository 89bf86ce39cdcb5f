import type { Finding, Tensor } from '../../tensor/table.ts'
import type { ComponentId } from './components.ts'
import type { DialectId } from './dialects.ts'

/** Reads a whole tensor as numbers. Given by the caller, so that this folder opens no file. */
export type ValueReader = (tensor: Tensor) => Promise<Float64Array>

export interface AlgorithmCount {
  /** Id of the registry, or of a whole-file family such as `control-lllite`. */
  readonly id: string
  readonly title: string
  readonly modules: number
}

export interface DialectCount {
  readonly id: DialectId
  readonly title: string
  readonly modules: number
}

export interface AdapterTarget {
  readonly component: ComponentId
  /** "UNet", "text encoder 1". */
  readonly title: string
  readonly modules: number
  readonly tensors: number
  readonly parameters: number
  /** Modules whose target is a convolution with a kernel larger than 1x1. */
  readonly convModules: number
}

/** A value and how many modules have it. Lists of these are sorted by value. */
export interface ValueCount {
  readonly value: number
  readonly modules: number
}

/** What an adapter was made for, by shapes and by what its metadata claims. */
export interface AdapterBase {
  /** From shapes and module names; undefined when they do not decide. */
  readonly architecture?: string
  readonly evidence: readonly string[]
  /** From `ss_base_model_version`, `modelspec.architecture` and the like. */
  readonly claimed?: string
  readonly claimedBy?: string
}

/** What `describeAdapter` knows from names, shapes and metadata alone. */
export interface AdapterInfo {
  /** One line for people: "LoRA", "LoCon", "DoRA (LoKr)", "LoKr + norm". */
  readonly title: string
  /** Most modules first. */
  readonly algorithms: readonly AlgorithmCount[]
  /** Most modules first; more than one if tools were mixed. */
  readonly dialects: readonly DialectCount[]
  readonly targets: readonly AdapterTarget[]
  readonly modules: number
  readonly parameters: number
  readonly convModules: number
  readonly ranks: readonly ValueCount[]
  /** Only after `readAlphas`; modules without alpha have scale 1 and are in `withoutAlpha`. */
  readonly alphas?: readonly ValueCount[]
  readonly withoutAlpha: number
  readonly doraModules: number
  readonly textEncoderTrained: boolean
  readonly base: AdapterBase
  /** Names of embeddings carried in the file (`bundle_emb`, cloneofsimo tokens). */
  readonly embeddings: readonly string[]
  /** Keys that belong to no module. */
  readonly strays: readonly string[]
  /** Modules whose name exists in no architecture this adapter could be for. */
  readonly unknownModules: readonly string[]
  readonly findings: readonly Finding[]
}
