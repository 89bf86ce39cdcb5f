/** What `convert` makes: `to` says which of its operations a recipe is of. */
import * as v from 'valibot'
import { PIPELINE_FOLDERS } from '../../model/layouts/pipeline.ts'
import { dtypeChoiceSchema, dtypeNameSchema } from '../schema.ts'

/** A model file in another container, or with other types. */
export const fileOptions = v.strictObject({
  /** `ckpt` is a torch zip; without it, safetensors. */
  to: v.exactOptional(v.picklist(['safetensors', 'ckpt'])),
  dtype: v.exactOptional(dtypeChoiceSchema),
})

/** A model file whose transformer has other names. */
export const namesOptions = v.strictObject({
  /** Those of its authors, or as ComfyUI saves them. */
  to: v.picklist(['native', 'comfyui']),
  dtype: v.exactOptional(dtypeChoiceSchema),
})

const positive = v.pipe(v.number(), v.integer(), v.minValue(1))

/** One type for all weights: in a folder of diffusers components have other names. */
const oneDType = v.strictObject({ all: v.exactOptional(dtypeNameSchema) })

/** One file of the files of a folder of diffusers. */
export const singleOptions = v.strictObject({
  to: v.literal('single'),
  /** Which network each input is of, or a shard of, in their order. */
  parts: v.array(v.picklist(PIPELINE_FOLDERS)),
  /** `prediction_type` of the scheduler of the folder. */
  prediction: v.exactOptional(v.string()),
  /** Its `rescale_betas_zero_snr`. */
  zeroSnr: v.exactOptional(v.boolean()),
  dtype: v.exactOptional(oneDType),
})

/** One of the files of a folder of diffusers. A whole folder is several of them, and each has a recipe of its own. */
export const partOptions = v.strictObject({
  to: v.literal('diffusers'),
  part: v.picklist(PIPELINE_FOLDERS),
  /** Of a network that is too large for one file: which of how many, the first is 1. */
  shard: v.exactOptional(v.strictObject({ number: positive, of: positive })),
  dtype: v.exactOptional(oneDType),
})

export const convertOptions = v.variant('to', [fileOptions, namesOptions, singleOptions, partOptions])

export type FileOptions = v.InferOutput<typeof fileOptions>
export type NamesOptions = v.InferOutput<typeof namesOptions>
export type SingleOptions = v.InferOutput<typeof singleOptions>
export type PartOptions = v.InferOutput<typeof partOptions>
export type ConvertOptions = v.InferOutput<typeof convertOptions>

/** A whole folder of diffusers. */
export type FolderOptions = Omit<PartOptions, 'part' | 'shard'>
