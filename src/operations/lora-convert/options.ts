import * as v from 'valibot'
import { TARGETS, type TargetId } from '../../model/adapters/targets.ts'
import { NAMING_IDS } from '../../model/lora/naming/namings.ts'

/** Whose names the LoRA gets; for PEFT, which has a file for each network, of which. */
export const loraConvertOptions = v.strictObject({
  to: v.picklist(NAMING_IDS),
  /** Without it: all of the LoRA. */
  network: v.exactOptional(v.picklist(Object.keys(TARGETS) as TargetId[])),
})

export type LoraConvertOptions = v.InferOutput<typeof loraConvertOptions>
