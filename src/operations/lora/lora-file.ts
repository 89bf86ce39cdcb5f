import type { Identity } from '../../model/identity.ts'
import type { LoraFile } from '../../model/lora/modules.ts'
import { refuse } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import type { InputModel } from '../operation.ts'
import { messages } from './messages.ts'

/** @throws NOT_A_LORA (exit 3) for a file whose keys are nearly those of a LoRA */
export function checkNames(name: string, { findings }: Pick<Identity, 'findings'>): void {
  const broken = findings.find(({ code }) => code === 'lora-broken-names')
  if (broken) throw refuse('NOT_A_LORA', messages.inFile(name, broken.message))
}

/** The model as a LoRA. @throws NOT_A_LORA, SCALED_FP8, QUANTISED (exit 3) */
export function loraOf({ name, file, identity }: InputModel, read: ReadInto): LoraFile {
  checkOperation('lora', file.tensors.values(), name)
  const { title, adapter } = identity
  checkNames(name, identity)
  if (adapter === undefined) throw refuse('NOT_A_LORA', messages.notLora(name, title))
  return { name, table: file, adapter, read: (tensor) => readValues(tensor, read) }
}
