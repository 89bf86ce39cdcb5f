/** The document of `search --json`. */
import * as v from 'valibot'
import {
  count,
  documentSchema,
  flag,
  list,
  nullable,
  number,
  severity,
  text,
} from '../../report/document/envelope-schema.ts'

const result = v.strictObject({
  path: text,
  id: number,
  name: text,
  type: text,
  nsfw: flag,
  creator: nullable(text),
  downloads: nullable(number),
  thumbsUp: nullable(number),
  thumbsDown: nullable(number),
  bytes: nullable(number),
  version: nullable(
    v.strictObject({ id: number, name: text, baseModel: nullable(text), trainedWords: list(text) }),
  ),
  versions: count,
  error: v.null(),
})

const finding = v.strictObject({
  code: v.literal('more-results'),
  severity,
  message: text,
  bytes: v.null(),
  cursor: text,
})

export type SearchResult = v.InferOutput<typeof result>
export type SearchFinding = v.InferOutput<typeof finding>

export const searchSchema = documentSchema('search', { result, finding })
