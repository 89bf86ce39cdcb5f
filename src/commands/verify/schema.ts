/** The document of `verify --json`. */
import * as v from 'valibot'
import {
  count,
  documentSchema,
  error,
  flag,
  list,
  nullable,
  text,
} from '../../report/document/envelope-schema.ts'

const result = v.strictObject({
  path: text,
  bytes: nullable(count),
  title: nullable(text),
  checks: list(
    v.strictObject({
      check: v.picklist(['structure', 'checksums', 'values', 'hash', 'recipe']),
      result: v.picklist(['ok', 'failed', 'warning', 'unknown', 'unchecked']),
      detail: text,
    }),
  ),
  ok: flag,
  error: nullable(error),
})

export type VerifyResult = v.InferOutput<typeof result>

export const verifySchema = documentSchema('verify', { result })
