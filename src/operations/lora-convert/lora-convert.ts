import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { NAMINGS } from '../../model/lora/naming/namings.ts'
import { loraOf } from '../lora/lora-file.ts'
import type { Operation } from '../operation.ts'
import { messages } from './messages.ts'
import { type LoraConvertOptions, loraConvertOptions } from './options.ts'
import { type LoraConvertPlan, planLoraConvert } from './plan.ts'

/** A LoRA with the names that other programs read. */
export const loraConvert: Operation<LoraConvertOptions, LoraConvertPlan> = {
  verb: 'lora convert',
  schema: loraConvertOptions,
  verify: false,
  picture: 'other',
  plan: ([input], options, { read }) => planLoraConvert(loraOf(input!, read), options),
  decided: (options) => options,
  outputName: ({ lora }, _, { to }) => `${stemOf(basename(lora.name))}-${to}.safetensors`,
  metadata: ({ table }) => ({ own: table.metadata, facts: {} }),
  describe: ({ modules, split, fused }, _, { to }) => ({
    what: messages.converted(modules.length, NAMINGS[to].title, split, fused),
    facts: { to, modules: modules.length, split, fused },
  }),
  nothing: ({ table, lora }, _, { to }) => {
    const names = [...table.tensors.keys()]
    const isSame =
      names.length === lora.table.tensors.size && names.every((name) => lora.table.tensors.has(name))
    return isSame ? messages.sameNames(NAMINGS[to].title) : undefined
  },
}
