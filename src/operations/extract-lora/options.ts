import * as v from 'valibot'
import { type FactorOptions, factorOptions } from '../lora/factor-options.ts'
import { LORA_ALGOS, type LoraAlgo } from './layers.ts'

/** Of the difference between two models as a LoRA. */
export const extractLoraOptions = v.strictObject({
  ...factorOptions,
  /** Which layers: `lora` without it. */
  algo: v.exactOptional(v.picklist(LORA_ALGOS)),
  /** One side alone. */
  only: v.exactOptional(v.picklist(['unet', 'text'])),
})

export interface ExtractLoraOptions extends FactorOptions {
  readonly algo?: LoraAlgo
  readonly only?: 'unet' | 'text'
}
