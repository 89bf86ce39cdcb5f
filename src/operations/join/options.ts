import * as v from 'valibot'
import { dtypeChoiceSchema } from '../schema.ts'

/** One file of a denoising network, text encoders and a VAE. */
export const joinOptions = v.strictObject({
  /** What is taken of each input after the first. */
  parts: v.array(v.picklist(['text', 'vae'])),
  dtype: v.exactOptional(dtypeChoiceSchema),
})

export type JoinOptions = v.InferOutput<typeof joinOptions>
export type JoinedPart = JoinOptions['parts'][number]
