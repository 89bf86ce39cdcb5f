import type { MergeMethod } from '../../tensor/merge/method.ts'
import type { Finding } from '../../tensor/table.ts'
import type { Component } from '../components.ts'
import type { NamePattern, Side } from '../merge-lora/options.ts'
import type { Model } from '../model.ts'
import type { PlanBuilder } from '../plan.ts'
import type { Weights } from './block-weights.ts'
import type { CheckpointMergeOptions } from './options.ts'
import type { PlacedTensors } from './pairs.ts'

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
