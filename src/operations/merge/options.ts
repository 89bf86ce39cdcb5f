import * as v from 'valibot'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import { dtypeChoiceSchema, finite } from '../schema.ts'

export const HALVES = ['unet', 'text'] as const

const METHODS = MERGE_METHODS.map(({ id }) => id)

/** How `merge` makes one model of several; its inputs are the models A, B, C .. in their order. */
export const mergeOptions = v.strictObject({
  /** Without it: a weighted sum. */
  method: v.exactOptional(v.picklist(METHODS)),
  /** One number, or one for each further model; without it and the next three: the method's own. */
  alpha: v.exactOptional(v.array(finite)),
  beta: v.exactOptional(finite),
  density: v.exactOptional(finite),
  seed: v.exactOptional(finite),
  /** Alpha of blocks: `['IN04=0.5', 'OUT*=0']`, the numbers of a list, or the name of one: `['GRAD_V']`. */
  blocks: v.exactOptional(v.array(v.string())),
  /** The same for beta. */
  betaBlocks: v.exactOptional(v.array(v.string())),
  /** Alpha of keys: `['*attn2*=0.2']`. */
  keys: v.exactOptional(v.array(v.string())),
  /** Whose VAE it gets: that of a model by its letter, that of a file, which is the last input, or one of all of them. */
  vae: v.exactOptional(v.union([v.picklist(['file', 'blend']), v.pipe(v.string(), v.regex(/^[a-z]$/))])),
  /** Blend only this half; the other one is A's. */
  only: v.exactOptional(v.picklist(HALVES)),
  dtype: v.exactOptional(dtypeChoiceSchema),
  /** Keep A's tensor where another model has none, and leave out what A does not have. */
  allowMissing: v.exactOptional(v.boolean()),
  /** Merge models that predict different things. */
  allowMixed: v.exactOptional(v.boolean()),
})

export type MergeOptions = v.InferOutput<typeof mergeOptions>
