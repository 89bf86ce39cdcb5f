import {
  castWeight,
  checkCast,
  checkSelected,
  chosenDType,
  type DTypeChoice,
  dtypeName,
} from '../../model/dtype-choice.ts'
import type { Identifiable, Identity } from '../../model/identity.ts'
import type { Selector } from '../../model/networks/components.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { checkHasTensors, checkWritable, newPlan, type Plan } from '../plan.ts'
import { convertedEmbedding } from './embedding.ts'

export interface ConvertPlanOptions {
  readonly dtype?: DTypeChoice
}

/**
 * Plans the same model as safetensors: every weight, under the name it has, in the type it has or the one asked
 * for. Embeddings get the names that programs look for; training state of a pickle has no place in safetensors.
 * @throws SdtoolError (exit 3) NO_TENSORS, TENSOR_NOT_CONVERTIBLE, SCALED_FP8, QUANTISED, EMBEDDING_IN_PIECES; (exit 4) COMPONENT_NOT_FOUND
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
  // In safetensors an embedding is what its writer made it, and the programs that wrote it read it
  const names = embedding && file.format !== 'safetensors' ? convertedEmbedding(embedding) : undefined
  const plan = newPlan(file)
  for (const component of components) {
    const type = chosenDType(component, dtype)
    checkCast(file, component, type)
    for (const name of component.names) {
      const tensor = file.tensors.get(name)!
      const placed: Tensor | undefined = names ? names.get(name) : tensor
      if (placed === undefined) {
        plan.add(component, 'drop', tensor, undefined, 'no vectors of the embedding')
        continue
      }
      const after = castWeight(placed, type)
      const as = after.dtype === tensor.dtype ? '' : `, as ${dtypeName(type!)}`
      if (after.name !== name) plan.add(component, 'rename', tensor, after, `the name programs look for${as}`)
      else if (as !== '') plan.add(component, 'cast', tensor, after, `stored as ${dtypeName(type!)}`)
      else plan.add(component, 'keep', tensor, after, 'part of the model')
    }
  }
  for (const { path, bytes } of file.leftovers ?? []) {
    if (bytes > 0) plan.addLeftover(path, bytes, 'training state in the pickle, no weights')
  }
  return plan.build(file.metadata, [])
}
