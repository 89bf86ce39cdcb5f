import { defined } from '../../system/defined.ts'
import { isJsonObject, parseJsonText } from '../../system/json.ts'
import type { Metadata } from './facts.ts'
import { type MergeSummary, mergeSummary } from './merge.ts'
import { type ModelspecSummary, modelspecSummary } from './modelspec.ts'
import { parseRecipe, RECIPE_KEY, type Recipe } from './recipe.ts'
import { type TrainingSummary, trainingSummary } from './training.ts'

export interface MetadataSummary {
  readonly training?: TrainingSummary
  readonly modelspec?: ModelspecSummary
  readonly merge?: MergeSummary
  readonly recipe?: Recipe
  readonly comfy?: ComfySummary
}

/** The ComfyUI graph that saved the file. */
export interface ComfySummary {
  readonly prompt: boolean
  readonly workflow: boolean
  /** Of the workflow, or of the prompt where there is no workflow. */
  readonly nodes?: number
}

/** Everything that is known of the text metadata of a file, for people. Never throws, whatever is in it. */
export function summariseMetadata(metadata: Metadata): MetadataSummary {
  const parts = {
    training: trainingSummary(metadata),
    modelspec: modelspecSummary(metadata),
    merge: mergeSummary(metadata),
    recipe: parseRecipe(Object.hasOwn(metadata, RECIPE_KEY) ? metadata[RECIPE_KEY] : undefined),
    comfy: comfySummary(metadata),
  }
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined))
}

function comfySummary(metadata: Metadata): ComfySummary | undefined {
  const has = (key: string) => Object.hasOwn(metadata, key)
  if (!has('prompt') && !has('workflow')) return undefined
  const [prompt, workflow] = [parseJsonText(metadata.prompt), parseJsonText(metadata.workflow)]
  const list = isJsonObject(workflow) ? workflow.nodes : undefined
  const nodes = Array.isArray(list)
    ? list.length
    : isJsonObject(prompt)
      ? Object.keys(prompt).length
      : undefined
  return { prompt: has('prompt'), workflow: has('workflow'), ...defined({ nodes }) }
}
