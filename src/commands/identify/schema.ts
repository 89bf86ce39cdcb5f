/** The document of `identify --json`. */
import * as v from 'valibot'
import { documentSchema, error, list, nullable, number, text } from '../../report/document/envelope-schema.ts'
import { versionFields } from '../shared/civitai-version.ts'

const match = v.strictObject({
  relation: v.picklist(['same', 'same-weights', 'made-from', 'maybe-made-from']),
  ancestor: nullable(text),
  ...versionFields,
  fileId: nullable(number),
})

const renamed = { from: text, to: text }

const identified = v.strictObject({
  path: text,
  sha256: text,
  madeBy: nullable(text),
  matches: list(match),
  newer: nullable(v.strictObject({ versionId: number, name: text })),
  written: list(text),
  problems: list(text),
  renaming: nullable(v.strictObject({ ...renamed, companions: list(v.strictObject(renamed)) })),
  error: v.null(),
})

const result = v.union([identified, v.strictObject({ path: text, error })])

export type IdentifyResult = v.InferOutput<typeof result>
export type IdentifyMatch = v.InferOutput<typeof match>

export const identifySchema = documentSchema('identify', { result, dryRun: true })
