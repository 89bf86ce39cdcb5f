/** The document of `login --json`. */
import * as v from 'valibot'
import { documentSchema, flag, nullable, text } from '../../report/document/envelope-schema.ts'

const result = v.strictObject({
  path: text,
  username: nullable(text),
  tier: nullable(text),
  removed: flag,
  error: v.null(),
})

export type LoginResult = v.InferOutput<typeof result>

export const loginSchema = documentSchema('login', { result })
