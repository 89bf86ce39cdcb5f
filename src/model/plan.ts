import type { Finding, TensorTable } from '../tensor/table.ts'
import type { ComponentId } from './components.ts'

export type StepAction = 'keep' | 'drop' | 'promote' | 'cast' | 'rename' | 'rewrite'

/** One explained thing that a plan does to a group of tensors. */
export interface PlanStep {
  readonly action: StepAction
  readonly component: ComponentId
  /** Title of the component: "EMA copy of the UNet". */
  readonly what: string
  readonly tensors: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** One clause, for people: "duplicate of the UNet". */
  readonly why: string
  /** Names of the tensors as they are in the input, for `--verbose`. */
  readonly names: readonly string[]
}

/** What a command would write, and why. Nothing has been read or written yet. */
export interface Plan {
  readonly table: TensorTable
  readonly steps: readonly PlanStep[]
  readonly findings: readonly Finding[]
}

/** True if writing the plan would give the same tensors as the input has. */
export function changesNothing(plan: Plan): boolean {
  return plan.steps.every((step) => step.action === 'keep')
}

export function totalBytes(plan: Plan): { before: number; after: number } {
  return {
    before: plan.steps.reduce((sum, step) => sum + step.bytesBefore, 0),
    after: plan.steps.reduce((sum, step) => sum + step.bytesAfter, 0),
  }
}
