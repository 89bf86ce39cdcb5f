import * as v from 'valibot'
import { dtypeNameSchema } from '../schema.ts'

/** How `bake-vae` writes the VAE. */
export const bakeVaeOptions = v.strictObject({
  /** `keep`: the type of its file. Without it: that of the VAE it replaces. */
  dtype: v.exactOptional(dtypeNameSchema),
})
