import * as v from 'valibot'
import { dtypeChoiceSchema, loraRatio } from '../schema.ts'
import { EMA_USES } from './plan-options.ts'
import { SIDES } from './sides.ts'

/** How LoRAs are merged into a model. */
export const mergeLoraOptions = v.strictObject({
  /** Of each input behind the base, in their order. */
  loras: v.array(
    v.strictObject({
      ratio: loraRatio,
      /** Times that of single blocks: `IN04=0.5,OUT*=0`, a list of numbers, or the name of one. */
      blocks: v.exactOptional(v.string()),
    }),
  ),
  /** Without it: that of each weight of the base. */
  dtype: v.exactOptional(dtypeChoiceSchema),
  only: v.exactOptional(v.picklist(SIDES)),
  /** Patterns of modules, or of keys of the base, with `*` and `?`; without either, a part of the name. */
  include: v.exactOptional(v.array(v.string())),
  exclude: v.exactOptional(v.array(v.string())),
  /** Leave out what fits nowhere. */
  allowUnmatched: v.exactOptional(v.boolean()),
  /** Of an EMA copy of weights that change; without it, it is left out. */
  ema: v.exactOptional(v.picklist(EMA_USES)),
})

export type MergeLoraOptions = v.InferOutput<typeof mergeLoraOptions>
