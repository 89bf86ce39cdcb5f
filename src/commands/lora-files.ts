import { refuse } from '../errors.ts'
import { identifyFile, type OpenedModel } from '../library/session.ts'
import type { LoraFile } from '../model/lora/modules.ts'
import { readValues } from '../tensor/expr.ts'
import { checkOperation } from '../tensor/quantised/check.ts'

/** @throws NOT_A_LORA, SCALED_FP8, QUANTISED */
export async function loraFile(name: string, opened: OpenedModel): Promise<LoraFile> {
  checkOperation('lora', opened.model.tensors.values(), name)
  const { title, adapter } = await identifyFile(name, opened)
  if (adapter === undefined) throw refuse('NOT_A_LORA', `${name} is no LoRA: ${title}`)
  return { name, table: opened.model, adapter, read: (tensor) => readValues(tensor, opened.read) }
}
