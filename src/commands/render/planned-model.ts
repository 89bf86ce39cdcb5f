import { type Identity, identify } from '../../model/identify/identify.ts'
import type { Model } from '../../model/model.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import type { TensorTable } from '../../tensor/values/table.ts'

/**
 * A plan as a model to be drawn.
 * @param base of the model it was made from: a `.yaml` beside it, or its name, may say what a plan cannot know
 */
export async function plannedModel(
  name: string,
  table: TensorTable,
  base: Identity,
  read: ReadInto,
): Promise<Model> {
  const identity = await identify(table, (tensor) => readValues(tensor, read))
  const { architecture } = base
  return { name, file: table, identity: architecture ? { ...identity, architecture } : identity }
}
