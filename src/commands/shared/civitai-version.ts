/** A version of a model on Civitai, in the documents of several commands. */
import * as v from 'valibot'
import type { CivitaiVersion } from '../../civitai/api/shapes.ts'
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

/** Keys are a contract: add, never rename. */
export function versionJson(civitaiVersion: CivitaiVersion): v.InferOutput<typeof version> {
  const { id, modelId, modelName, modelType, name, baseModel, trainedWords } = civitaiVersion
  return {
    modelId: modelId ?? null,
    modelName,
    modelType,
    versionId: id,
    versionName: name,
    baseModel: baseModel ?? null,
    trainedWords,
  }
}
