import * as v from 'valibot'

export const EMBEDDING_FORMATS = ['safetensors', 'pt'] as const

/** Which embedding, and how it is written. The second input, if there is one, is the base of the first. */
export const extractEmbeddingsOptions = v.strictObject({
  /** Words that an embedding is made of. */
  prompt: v.exactOptional(v.string()),
  name: v.exactOptional(v.string()),
  format: v.exactOptional(v.picklist(EMBEDDING_FORMATS)),
  /** A file for each token of the table, not for each run of them. */
  each: v.exactOptional(v.boolean()),
  /** Which of several, from 1. */
  only: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})

export type ExtractEmbeddingsOptions = v.InferOutput<typeof extractEmbeddingsOptions>
