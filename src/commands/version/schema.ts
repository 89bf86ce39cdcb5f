/** A version of a model on Civitai, as documents say it. */
import * as v from 'valibot'
import { list, nullable, number, text } from '../../report/document/envelope-schema.ts'

export const versionFields = {
  modelId: nullable(number),
  modelName: text,
  modelType: text,
  versionId: number,
  versionName: text,
  baseModel: nullable(text),
  trainedWords: list(text),
}

const version = v.strictObject(versionFields)

export type VersionJson = v.InferOutput<typeof version>
