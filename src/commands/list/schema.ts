/** The document of `list --json`. */
import * as v from 'valibot'
import { SKIP_REASONS } from '../../library/scan.ts'
import {
  count,
  documentSchema,
  error,
  flag,
  list,
  nullable,
  severity,
  text,
} from '../../report/document/envelope-schema.ts'

const model = v.strictObject({
  path: text,
  bytes: count,
  kind: text,
  title: text,
  architecture: nullable(text),
  family: nullable(text),
  variant: nullable(text),
  baseModel: nullable(text),
  precision: text,
  base: nullable(text),
  trainedOn: nullable(text),
  triggers: list(text),
  prunable: count,
  autoV3: nullable(text),
  error: v.null(),
})

const refused = v.strictObject({ path: text, bytes: count, error })

const duplicate = v.strictObject({
  code: v.literal('duplicate'),
  severity,
  message: text,
  bytes: count,
  component: nullable(text),
  paths: list(text),
  proven: flag,
})

const skipped = v.strictObject({
  code: v.literal('folder-skipped'),
  severity,
  message: text,
  bytes: v.null(),
  path: text,
  why: v.picklist(SKIP_REASONS),
})

const result = v.union([model, refused])
const finding = v.union([duplicate, skipped])

export type ListResult = v.InferOutput<typeof result>
export type ListFinding = v.InferOutput<typeof finding>

export const listSchema = documentSchema('list', { result, finding })
