import * as v from 'valibot'
import { type FactorOptions, factorOptions } from '../lora/factor-options.ts'

/** Of a LoRA with other ranks. Without `dtype`: that of most of its factors. */
export const loraResizeOptions = v.strictObject(factorOptions)

export type LoraResizeOptions = FactorOptions
