import type { LoraFile } from '../../model/lora/modules.ts'
import { refuse } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import type { InputModel } from '../operation.ts'
import { messages } from './messages.ts'

/** The model as a LoRA. @throws NOT_A_LORA, SCALED_FP8, QUANTISED (exit 3) */
export function loraOf({ name, file, identity: { title, adapter } }: InputModel, read: ReadInto): LoraFile {
  checkOperation('lora', file.tensors.values(), name)
  if (adapter === undefined) throw refuse('NOT_A_LORA', messages.notLora(name, title))
  return { name, table: file, adapter, read: (tensor) => readValues(tensor, read) }
}
