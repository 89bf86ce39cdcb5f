import type { PlacedTensors } from '../../model/layouts/pairs.ts'
import type { Model } from '../../model/model.ts'
import type { Component } from '../../model/networks/components.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { NamePattern, Side } from '../merge-lora/plan-options.ts'
import type { PlanBuilder } from '../plan.ts'
import type { Weights } from './block-weights.ts'
import type { CheckpointMergeOptions } from './plan-options.ts'

/** A plan that is being made. */
export interface Job {
  readonly models: readonly Model[]
  readonly options: CheckpointMergeOptions
  readonly method: MergeMethod
  readonly alphas: readonly Weights[]
  readonly beta: Weights
  readonly plan: PlanBuilder
  readonly findings: Finding[]
  readonly blended: Map<string, Component>
  readonly used: Set<NamePattern>
}

/** What a component gets from whom. */
export interface Blend {
  readonly component: Component
  readonly side: Side
  /** Of the other models, B first; undefined for a model that has no such component. */
  readonly others: readonly (PlacedTensors | undefined)[]
}
