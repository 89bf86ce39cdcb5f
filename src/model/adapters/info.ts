import type { Finding } from '../../tensor/values/table.ts'
import type { MemberByName } from '../identify/named-member.ts'
import type { Prediction } from '../identify/prediction.ts'
import type { BaseId } from './base.ts'
import type { DialectId } from './dialects.ts'
import type { PeftSettings } from './peft/sources.ts'
import type { TargetId } from './targets.ts'

export interface AlgorithmCount {
  /** Id of the registry of algorithms, or `lllite`. */
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
  readonly target: TargetId
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

/** What an adapter was made for, by names and shapes, and what its metadata claims. */
export interface AdapterBase {
  /** Undefined when names and shapes do not decide. */
  readonly architecture?: BaseId
  readonly title?: string
  /** All families of transformers that have its layers: what is likely is not what is sure. */
  readonly possible?: readonly BaseId[]
  /** Of a pair of networks that share the work, the one that its metadata or its name say. */
  readonly expert?: MemberByName
  readonly evidence: readonly string[]
  /** From `ss_base_model_version`, `modelspec.architecture`, `ss_v2`. */
  readonly claimed?: BaseId
  /** `ss_base_model_version="sd_v1"`. */
  readonly claimedBy?: string
  /** What the model predicts that it was trained on, as far as the metadata say. */
  readonly prediction?: Prediction
}

/** What `describeAdapter` knows from names, shapes and metadata alone. */
export interface AdapterInfo {
  /** One line for people: "LoRA", "LoCon", "LoKr with DoRA", "LoRA + norm layers". */
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
  /** Only after `readAlphas`. Modules without alpha are in `withoutAlpha`: scale 1, unless `settings` have one. */
  readonly alphas?: readonly ValueCount[]
  readonly withoutAlpha: number
  /** Ranks, alphas and more that stand in the metadata, or in a file of PEFT beside it. */
  readonly settings: PeftSettings
  readonly doraModules: number
  readonly textEncoderTrained: boolean
  readonly base: AdapterBase
  /** Names of embeddings carried in the file (`bundle_emb`, cloneofsimo tokens). */
  readonly embeddings: readonly string[]
  /** Modules in whose names something stands that belongs to no path. */
  readonly wrapped: readonly { readonly title: string; readonly modules: number }[]
  /** Keys that belong to no module. */
  readonly strays: readonly string[]
  /** Modules whose name does not exist in the base architecture; empty if that is not known. */
  readonly unknownModules: readonly string[]
  readonly findings: readonly Finding[]
}
