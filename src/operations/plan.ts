import type { Identifiable, Identity } from '../model/identity.ts'
import { KINDS, type Kind } from '../model/kinds.ts'
import { storedName } from '../model/layouts/stored.ts'
import { COMPONENTS, type Component, type ComponentId } from '../model/networks/components.ts'
import { sameShape } from '../model/networks/topology/match.ts'
import { refuse } from '../system/errors.ts'
import { isSafetensorsDType } from '../tensor/formats/safetensors.ts'
import { checkOperation } from '../tensor/quantised/check.ts'
import { tensorBytes } from '../tensor/values/expr.ts'
import type { Finding, Tensor, TensorTable } from '../tensor/values/table.ts'
import { messages } from './messages.ts'

export type StepAction =
  | 'keep'
  | 'drop'
  | 'promote'
  | 'cast'
  | 'rename'
  | 'rewrite'
  | 'patch'
  | 'blend'
  | 'replace'
  | 'add'

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
  /** It is a sum of several files: nothing in it is simply kept, even where only one of them has it. */
  readonly sum?: true
}

/** True if writing the plan would give the same tensors as the input has. */
export function changesNothing(plan: Plan): boolean {
  return plan.steps.every((step) => step.action === 'keep')
}

/** A plan while it is being made: decisions about single tensors, gathered into steps. */
export interface PlanBuilder {
  /** `after` is undefined for a tensor that is left out. */
  add(component: Component, action: StepAction, before: Tensor, after: Tensor | undefined, why: string): void
  /** A tensor the input does not have. */
  addNew(component: Component, after: Tensor, why: string): void
  /** Training state of a pickle, which has no tensors of its own in the table. */
  addLeftover(path: string, bytes: number, why: string): void
  build(metadata: TensorTable['metadata'], findings: readonly Finding[]): Plan
}

interface OpenStep {
  readonly action: StepAction
  readonly component: ComponentId
  readonly why: string
  readonly names: string[]
  bytesBefore: number
  bytesAfter: number
  tensors: number
}

/**
 * @param file the input: what has another name in it is renamed, and the step says so
 * @returns a builder
 * @throws PLAN_NAME_TAKEN (exit 3), from the `add` and `addNew` of what is returned
 */
export function newPlan(file: Pick<Identifiable, 'renaming'>): PlanBuilder {
  const tensors = new Map<string, Tensor>()
  const steps = new Map<string, OpenStep>()
  const stepFor = (component: ComponentId, action: StepAction, why: string): OpenStep => {
    const id = `${component} ${action} ${why}`
    const step = steps.get(id) ?? {
      action,
      component,
      why,
      names: [],
      bytesBefore: 0,
      bytesAfter: 0,
      tensors: 0,
    }
    steps.set(id, step)
    return step
  }
  const renaming = (component: ComponentId, action: StepAction, why: string): OpenStep => {
    if (action === 'keep') return stepFor(component, 'rename', messages.renamed)
    return stepFor(component, action, action === 'rename' ? why : messages.alsoRenamed(why))
  }
  const put = (step: OpenStep, after: Tensor): void => {
    if (tensors.has(after.name)) throw nameTaken(after.name)
    tensors.set(after.name, after)
    step.bytesAfter += tensorBytes(after)
  }
  return {
    add(component, action, before, after, why) {
      const stored = storedName(file, before.name)
      const isRenamed = after !== undefined && stored !== before.name
      const step = isRenamed ? renaming(component.id, action, why) : stepFor(component.id, action, why)
      step.names.push(stored)
      step.tensors++
      step.bytesBefore += tensorBytes(before)
      if (after !== undefined) put(step, after)
    },
    addNew(component, after, why) {
      const step = stepFor(component.id, 'add', why)
      step.names.push(after.name)
      step.tensors++
      put(step, after)
    },
    addLeftover(path, bytes, why) {
      const step = stepFor('training', 'drop', why)
      step.names.push(path)
      step.bytesBefore += bytes
    },
    build: (metadata, findings) => ({
      table: { tensors, metadata },
      steps: [...steps.values()].map((step) => ({ ...step, what: COMPONENTS[step.component].title })),
      findings,
    }),
  }
}

function nameTaken(name: string): Error {
  return refuse('PLAN_NAME_TAKEN', messages.nameTaken(name))
}

/** Kinds whose tensors are factors, words, or of use to a trainer alone. */
const NO_NETWORK: ReadonlySet<Kind> = new Set<Kind>(['lora', 'embedding', 'aesthetic', 'training'])

/** Whether a file is all but the weights of a network, which all other kinds are, known or not. */
export function isNoNetwork(identity: Pick<Identity, 'kind' | 'findings'>): boolean {
  return NO_NETWORK.has(identity.kind) || hasBrokenNames(identity)
}

/** Whether two files have tensors of the same names and shapes. */
export function sameKeys(a: TensorTable, b: TensorTable): boolean {
  if (a.tensors.size !== b.tensors.size) return false
  return [...a.tensors.values()].every(({ name, shape }) => {
    const other = b.tensors.get(name)
    return other !== undefined && sameShape(shape, other.shape)
  })
}

/** What a tool has made of a LoRA: its tensors are factors, under names that no program knows. */
function hasBrokenNames({ findings }: Pick<Identity, 'findings'>): boolean {
  return findings.some(({ code }) => code === 'lora-broken-names')
}

/** A sentence about what a file is that something cannot be done with. */
export function kindHint(kind: Kind): string {
  return kind === 'unknown' ? messages.ofUnknownKind : messages.ofKind(KINDS[kind])
}

/** @throws NO_TENSORS (exit 3) */
export function checkHasTensors({ tensors }: TensorTable): void {
  if (tensors.size === 0) throw refuse('NO_TENSORS', messages.noTensors, messages.seeInspect)
}

/**
 * Refuses tensors that safetensors cannot hold.
 * @throws TENSOR_NOT_CONVERTIBLE (exit 3)
 */
export function checkWritable({ tensors }: TensorTable): void {
  checkOperation('copy', tensors.values(), messages.theFile)
  const odd = [...tensors.values()].filter(({ dtype }) => !isSafetensorsDType(dtype))
  if (odd.length > 0)
    throw refuse('TENSOR_NOT_CONVERTIBLE', messages.notConvertible(odd), messages.convertOriginal)
}
