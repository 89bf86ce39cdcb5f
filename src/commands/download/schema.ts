/** The document of `download --json`. */
import * as v from 'valibot'
import {
  count,
  dataBy,
  documentSchema,
  error,
  list,
  nullable,
  number,
  text,
} from '../../report/document/envelope-schema.ts'
import { versionFields } from '../shared/civitai-version.ts'

const plannedFields = {
  path: text,
  reference: text,
  ...versionFields,
  fileId: nullable(number),
  fileType: text,
  bytes: nullable(count),
  hashes: dataBy(text),
  resumable: count,
  warnings: list(text),
}
const planned = v.strictObject(plannedFields)

const outcomeFields = {
  status: v.picklist(['planned', 'present', 'downloaded', 'failed']),
  verified: nullable(text),
  hashesChecked: list(text),
  sidecars: list(text),
  problems: list(text),
  sha256: nullable(text),
  resumedFrom: nullable(count),
  error: nullable(error),
}
// of what was received, where it is and its own length
const outcome = v.strictObject({
  ...outcomeFields,
  path: v.exactOptional(text),
  bytes: v.exactOptional(count),
})

const result = v.union([
  v.strictObject({ ...plannedFields, ...outcomeFields }),
  v.strictObject({ path: text, reference: text, error }),
])

export type DownloadResult = v.InferOutput<typeof result>
export type PlannedDownloadFile = v.InferOutput<typeof planned>
export type DownloadOutcome = v.InferOutput<typeof outcome>

export const downloadSchema = documentSchema('download', { result, dryRun: true })
