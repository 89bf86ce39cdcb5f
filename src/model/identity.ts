import type {
  Companion,
  Finding,
  FormatId,
  Leftover,
  ModelFile,
  PlainValue,
  TensorTable,
} from '../tensor/values/table.ts'
import type { AdapterInfo } from './adapters/info.ts'
import type { EmaInfo } from './identify/ema.ts'
import type { EmbeddingInfo } from './identify/embeddings.ts'
import type { MemberByName } from './identify/named-member.ts'
import type { Prediction } from './identify/prediction.ts'
import type { VaeInfo } from './identify/vae.ts'
import type { Kind } from './kinds.ts'
import type { LatentSpace } from './networks/architectures/architecture.ts'
import type { Component } from './networks/components.ts'

export interface ArchitectureInfo {
  /** Id of the registry: `stable-diffusion-v1`. */
  readonly id: string
  /** "Stable Diffusion 1.x inpainting". */
  readonly title: string
  /** Of the same architecture: `inpainting`, `768-v`. */
  readonly variant?: string
  /** One of several members with the same keys, as the file is called; its metadata, a note or its name may lie. */
  readonly named?: MemberByName
  /** Value for `modelspec.architecture`; undefined if there is none, or if it would be a guess. */
  readonly modelspec?: string
  /** Side of the square pictures it was trained for, in pixels. */
  readonly resolution?: number
  /** The topology is that of the architecture, its widths are not: "widths 64, 128, context 48". */
  readonly width?: string
  readonly prediction: Prediction
  /** By how much programs shift the timesteps of flow. */
  readonly shift?: number
  /** Why the network cannot be run in F16. */
  readonly fp16Overflows?: string
  readonly evidence: readonly string[]
}

/** For whose latents a VAE was made. */
export interface VaeLatents {
  readonly space: LatentSpace
  /** In plain words: "scaling_factor 0.13025 in the config.json beside it". */
  readonly evidence: string
  /** Only a name says so. */
  readonly weak?: true
}

/** Everything that names, shapes and a few tiny tensors tell of a file. */
export interface Identity {
  readonly kind: Kind
  /** "Stable Diffusion 1.x inpainting checkpoint". */
  readonly title: string
  readonly architecture?: ArchitectureInfo
  /** What gave the kind away, where no architecture says more: `the key "body.0.rdb1.conv1.weight"`. */
  readonly evidence?: readonly string[]
  /** In the order of a model: UNet, text encoders, VAE, then the rest. */
  readonly components: readonly Component[]
  readonly ema?: EmaInfo
  readonly adapter?: AdapterInfo
  readonly embedding?: EmbeddingInfo
  readonly vae?: VaeInfo
  /** For whose latents that VAE is, as far as anything says so. */
  readonly latents?: VaeLatents
  readonly findings: readonly Finding[]
}

/** What became of the names of a file that has others than programs look for. */
export interface Renaming {
  /** Known name -> name in the file, of the tensors whose names differ. */
  readonly stored: ReadonlyMap<string, string>
  readonly findings: readonly Finding[]
}

/** What `identify` uses of a `ModelFile`, so that plans and merged tables can be identified, too. */
export interface Identifiable extends TensorTable {
  readonly format?: FormatId
  readonly extras?: Readonly<Record<string, PlainValue>>
  readonly leftovers?: readonly Leftover[]
  readonly renaming?: Renaming
  readonly companion?: Companion
}

/** An opened file whose tensors have the names that programs look for. */
export type KnownFile = ModelFile & Pick<Identifiable, 'renaming'>
