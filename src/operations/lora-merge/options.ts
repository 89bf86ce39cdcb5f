import * as v from 'valibot'
import { factorDType, loraRatio } from '../schema.ts'

/** How strong each LoRA is in the sum. */
export const loraMergeOptions = v.strictObject({
  /** In the order of the LoRAs. */
  ratios: v.array(loraRatio),
  /** Without it: the widest of the LoRAs. */
  dtype: v.exactOptional(factorDType),
})

export type LoraMergeOptions = v.InferOutput<typeof loraMergeOptions>
