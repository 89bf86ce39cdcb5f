/** The document of `render --json`: a result for each picture or sheet that was written. */
import * as v from 'valibot'
import {
  count,
  documentSchema,
  finding,
  flag,
  list,
  nullable,
  number,
  text,
} from '../../report/document/envelope-schema.ts'

const ratio = v.strictObject({ unet: number, text: number })

const images = list(v.strictObject({ prompt: text, negative: text, seed: text }))

const drawn = v.strictObject({
  path: text,
  output: text,
  mode: v.picklist(['pictures', 'sheet']),
  title: text,
  loras: list(v.strictObject({ path: text, ratio })),
  vae: nullable(text),
  settings: v.strictObject({
    sampler: text,
    schedule: text,
    steps: count,
    cfg: number,
    width: count,
    height: count,
    rng: text,
  }),
  images,
  error: v.null(),
})

const comparisonFields = {
  reference: text,
  models: list(
    v.strictObject({
      name: text,
      images: list(
        v.strictObject({
          prompt: text,
          seed: v.union([number, text]),
          identical: flag,
          psnr: nullable(number),
          ssim: number,
          meanDifference: number,
          maxDifference: number,
          changed: number,
        }),
      ),
    }),
  ),
}
const comparison = v.strictObject(comparisonFields)

const compared = v.strictObject({
  path: text,
  output: text,
  mode: v.literal('compare'),
  settings: text,
  ...comparisonFields,
  error: v.null(),
})

const axis = v.strictObject({ name: text, values: list(number) })

const swept = v.strictObject({
  path: text,
  output: text,
  mode: v.literal('sweep'),
  columns: axis,
  rows: nullable(axis),
  images: list(v.strictObject({ prompt: text, seed: text })),
  error: v.null(),
})

const checked = v.strictObject({
  path: text,
  output: text,
  mode: v.literal('check'),
  operation: text,
  inputs: list(v.strictObject({ path: text, by: text })),
  verdict: v.picklist(['passed', 'failed', 'inconclusive']),
  passes: v.strictObject({ psnr: number }),
  settings: text,
  ...comparisonFields,
  findings: list(finding),
  error: v.null(),
})

const result = v.union([drawn, compared, swept, checked])

export type DrawnResult = v.InferOutput<typeof drawn>
export type ComparedResult = v.InferOutput<typeof compared>
export type SweptResult = v.InferOutput<typeof swept>
export type CheckedResult = v.InferOutput<typeof checked>
export type ComparisonJson = v.InferOutput<typeof comparison>

export const renderSchema = documentSchema('render', { result })
