import {
  castWeight,
  checkCast,
  checkSelected,
  chosenDType,
  type DTypeChoice,
  dtypeName,
} from '../../model/dtype-choice.ts'
import type { Identifiable, Identity } from '../../model/identity.ts'
import type { Component, Selector } from '../../model/networks/components.ts'
import type { OutputDType } from '../../tensor/values/dtype.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { checkHasTensors, checkWritable, newPlan, type Plan, type PlanBuilder } from '../plan.ts'
import { convertedEmbedding } from './embedding.ts'
import { messages } from './messages.ts'

export interface ConvertPlanOptions {
  readonly dtype?: DTypeChoice
}

/**
 * Plans the same model as safetensors: every weight, under the name it has, in the type it has or the requested one.
 * Embeddings get the names that programs look for; training state of a pickle has no place in safetensors.
 * @throws NO_TENSORS, TENSOR_NOT_CONVERTIBLE, SCALED_FP8, QUANTISED, EMBEDDING_IN_PIECES (exit 3); COMPONENT_NOT_FOUND (exit 4)
 */
export function planConvert(
  file: Identifiable,
  identity: Identity,
  { dtype = {} }: ConvertPlanOptions = {},
): Plan {
  const { components, embedding } = identity
  checkSelected(components, Object.keys(dtype.by ?? {}) as Selector[])
  checkHasTensors(file)
  checkWritable(file)
  // in safetensors an embedding is what its writer made it, and the programs that wrote it read it
  const placed = embedding && file.format !== 'safetensors' ? convertedEmbedding(embedding) : file.tensors
  const plan = newPlan(file)
  for (const component of components) {
    const type = chosenDType(component, dtype)
    checkCast(file, component, type)
    for (const name of component.names)
      addTensor(plan, component, file.tensors.get(name)!, placed.get(name), type)
  }
  for (const { path, bytes } of file.leftovers ?? [])
    if (bytes > 0) plan.addLeftover(path, bytes, shared.trainingState)
  return plan.build(file.metadata, [])
}

/** @param placed the tensor under the name it gets; undefined where the output has no place for it */
function addTensor(
  plan: PlanBuilder,
  component: Component,
  tensor: Tensor,
  placed: Tensor | undefined,
  type: OutputDType | undefined,
): void {
  if (placed === undefined) {
    plan.add(component, 'drop', tensor, undefined, messages.notVectors)
    return
  }
  const after = castWeight(placed, type)
  const as = after.dtype === tensor.dtype ? undefined : dtypeName(type!)
  if (after.name !== tensor.name) {
    const why = as === undefined ? messages.nameLookedFor : messages.nameLookedForAs(as)
    plan.add(component, 'rename', tensor, after, why)
  } else if (as !== undefined) plan.add(component, 'cast', tensor, after, shared.storedAs(as))
  else plan.add(component, 'keep', tensor, after, shared.partOfModel)
}
