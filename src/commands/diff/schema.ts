/** The document of `diff --json`. */
import * as v from 'valibot'
import {
  anyNumber,
  count,
  dataBy,
  documentSchema,
  finding,
  flag,
  list,
  nullable,
  number,
  shape,
  text,
} from '../../report/document/envelope-schema.ts'

const side = v.strictObject({
  path: text,
  bytes: count,
  format: text,
  kind: text,
  title: text,
  architecture: nullable(text),
  tensors: count,
})

const comparisonFields = {
  relativeChange: nullable(number),
  norm: anyNumber,
  normOfChange: anyNumber,
  largestChange: anyNumber,
  values: count,
  changedValues: count,
  notFinite: v.strictObject({ a: count, b: count }),
}
const comparison = v.strictObject(comparisonFields)

const groupFields = { tensors: count, differing: count, ...comparisonFields }

const tallyFields = {
  ...groupFields,
  changed: count,
  incomparable: count,
  retyped: count,
  reshaped: count,
  added: count,
  removed: count,
}
const tally = v.strictObject(tallyFields)
const component = v.strictObject({ name: text, title: text, ...tallyFields })

const blockFields = { component: text, block: text, ...groupFields }
const block = v.strictObject(blockFields)

const stored = nullable(v.strictObject({ dtype: text, shape }))
const tensor = v.strictObject({
  name: text,
  nameInB: nullable(text),
  component: text,
  block: text,
  layer: text,
  change: v.picklist(['same', 'changed', 'incomparable', 'added', 'removed']),
  retyped: flag,
  reshaped: flag,
  a: stored,
  b: stored,
  comparison: nullable(comparison),
})

const result = v.strictObject({
  path: text,
  a: side,
  b: side,
  ema: flag,
  identical: flag,
  total: tally,
  components: list(component),
  blocks: list(block),
  layers: list(v.strictObject({ ...blockFields, layer: text })),
  tensors: list(tensor),
  metadata: v.strictObject({
    added: dataBy(text),
    removed: dataBy(text),
    changed: dataBy(v.strictObject({ a: text, b: text })),
  }),
  findings: list(finding),
  output: nullable(text),
  error: v.null(),
})

export type DiffResult = v.InferOutput<typeof result>
export type DiffSide = v.InferOutput<typeof side>
export type DiffTally = v.InferOutput<typeof tally>
export type DiffComponent = v.InferOutput<typeof component>
export type DiffBlock = v.InferOutput<typeof block>
export type DiffComparison = v.InferOutput<typeof comparison>
export type DiffTensor = v.InferOutput<typeof tensor>

export const diffSchema = documentSchema('diff', { result })
