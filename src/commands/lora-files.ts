import { identifyFile, type OpenedModel } from '../library/session.ts'
import type { LoraFile } from '../model/lora/modules.ts'
import { loraOf } from '../operations/lora-file.ts'

/** @throws NOT_A_LORA, SCALED_FP8, QUANTISED */
export async function loraFile(name: string, opened: OpenedModel): Promise<LoraFile> {
  const identity = await identifyFile(name, opened)
  return loraOf({ name, file: opened.model, identity }, opened.read)
}
