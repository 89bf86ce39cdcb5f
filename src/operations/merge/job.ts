import type { PlacedTensors } from '../../model/layouts/pairs.ts'
import type { Model } from '../../model/model.ts'
import type { BlockNames } from '../../model/networks/blocks.ts'
import type { Component } from '../../model/networks/components.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import type { NamePattern } from '../merge-lora/plan-options.ts'
import type { NetworkSide } from '../merge-lora/sides.ts'
import type { PlanBuilder } from '../plan.ts'
import type { TensorWeights } from './block-weights.ts'
import type { CheckpointMergeOptions } from './plan-options.ts'

/** A plan that is being made. */
export interface MergeJob {
  readonly models: readonly Model[]
  readonly options: CheckpointMergeOptions
  readonly method: MergeMethod
  readonly alphas: readonly TensorWeights[]
  readonly beta: TensorWeights
  readonly plan: PlanBuilder
  readonly findings: Finding[]
  readonly blended: Map<string, Component>
  readonly whole: WholeTensor[]
  readonly used: Set<NamePattern>
  /** Tensors of networks without a table that stay those of A. */
  readonly kept: KeptTensor[]
}

/** A weight that the output takes from one model as it is. */
export interface WholeTensor {
  readonly component: Component
  /** Index of the model; that behind the last one for a VAE from a file of its own. */
  readonly from: number
  /** Undefined for one that A does not have. */
  readonly before?: Tensor
  readonly after: Tensor
}

/** A tensor that stays that of A, where nothing says that it may. */
export interface KeptTensor {
  readonly own: Tensor
  /** Of the other models, B first. */
  readonly others: readonly (Tensor | undefined)[]
}

/** What a component gets from whom. */
export interface PlannedBlend {
  readonly component: Component
  readonly side: NetworkSide
  /** Of each tensor of A, by its name. */
  readonly places: ReadonlyMap<string, string>
  /** The block of a place. */
  readonly blockOf: BlockNames
  /** Of the other models, B first; undefined for a model that has no such component. */
  readonly others: readonly (PlacedTensors | undefined)[]
}
