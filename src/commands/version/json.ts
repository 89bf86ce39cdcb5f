import type { CivitaiVersion } from '../../civitai/api/shapes.ts'
import type { VersionJson } from './schema.ts'

/** What the documents of `--json` say of a version. Keys are a contract: add, never rename. */
export function versionJson(version: CivitaiVersion): VersionJson {
  const { id, modelId, modelName, modelType, name, baseModel, trainedWords } = version
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
