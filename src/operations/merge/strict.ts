/** What keeps models from being merged, said in one line. */

import { counted } from '../../model/finding.ts'
import { PREDICTIONS } from '../../model/identify/prediction.ts'
import { samePrediction } from '../../model/identify/same-prediction.ts'
import { KINDS, type Kind } from '../../model/identity.ts'
import type { Model } from '../../model/model.ts'
import { refuse, type SdtoolError, unverified, usage } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { mergeMethod } from '../../tensor/merge/registry.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { checkHasTensors, checkWritable } from '../plan.ts'
import { type CheckpointMergeOptions, letterOf } from './plan-options.ts'

const MERGEABLE: ReadonlySet<Kind> = new Set<Kind>(['checkpoint', 'unet', 'dit', 'text-encoder'])

/** @throws USAGE; MERGE_NOT_A_MODEL, NO_TENSORS, TENSOR_NOT_CONVERTIBLE (exit 3); MERGE_MIXED_ARCHITECTURES, MERGE_MIXED_PREDICTIONS (exit 4) */
export function checkModels(models: readonly Model[], options: CheckpointMergeOptions): void {
  checkCount(models.length, options)
  for (const model of models) checkKind(model)
  checkHasTensors(models[0]!.file)
  checkWritable(models[0]!.file)
  for (const [i, model] of models.entries()) if (i > 0) checkArchitecture(models[0]!, model, i)
  const mixed = mixedPredictions(models)
  if (mixed !== undefined && options.allowMixed !== true) throw mixed
}

/** @throws USAGE when a method takes fewer or more models */
export function checkCount(count: number, { method }: Pick<CheckpointMergeOptions, 'method'>): void {
  const { models, formula } = mergeMethod(method)
  const [min, max] = models
  if (count >= min && count <= max) return
  const wanted = min === max ? `${min} models` : `${min} or more models`
  throw usage(
    `${method} needs ${wanted}; ${count} ${count === 1 ? 'was' : 'were'} named`,
    `${method}: ${formula()}`,
  )
}

function checkKind({ name, file, identity: { kind, title } }: Model): void {
  if (MERGEABLE.has(kind)) return
  checkOperation('merge', file.tensors.values(), name)
  throw refuse(
    'MERGE_NOT_A_MODEL',
    `${name} is no model to merge: ${title}`,
    kind === 'lora' ? 'LoRAs go into a model with sdtool merge-lora.' : `It is of the kind ${KINDS[kind]}.`,
  )
}

function checkArchitecture(first: Model, other: Model, index: number): void {
  const [a, b] = [first.identity.architecture, other.identity.architecture]
  if (a?.id === b?.id && (a !== undefined || first.identity.kind === other.identity.kind)) return
  const what = ({ identity }: Model) => identity.architecture?.title ?? identity.title
  throw unverified(
    'MERGE_MIXED_ARCHITECTURES',
    `${first.name} (A) is ${what(first)}, ${other.name} (${letterOf(index)}) is ${what(other)}: their weights have nothing to do with each other`,
  )
}

/** Undefined where all predict the same. An assumed prediction is one, too: it would be the one of the merged model. */
export function mixedPredictions(models: readonly Model[]): SdtoolError | undefined {
  const known = models.flatMap(({ name, identity }, i) => {
    const prediction = identity.architecture?.prediction
    return prediction
      ? [{ text: `${name} (${letterOf(i)}) predicts ${PREDICTIONS[prediction.type]}`, prediction }]
      : []
  })
  const other = known.find(({ prediction }) => !samePrediction(prediction, known[0]!.prediction))
  if (other === undefined) return undefined
  return unverified(
    'MERGE_MIXED_PREDICTIONS',
    `${known[0]!.text}, ${other.text} (${other.prediction.evidence}): what is between them predicts neither`,
    '--allow-mixed merges them all the same.',
  )
}

/** Places that not all models have. */
export interface Missing {
  readonly model: Model
  readonly index: number
  /** Of the component, for people. */
  readonly title: string
  readonly names: readonly string[]
  /** The whole component is not there. */
  readonly all: boolean
}

export function missingError(
  { model, index, title, names, all }: Missing,
  only: string | undefined,
): SdtoolError {
  const what = all ? `has no ${title}` : `lacks ${counted(names, 'tensor')} of the ${title}`
  const half = only === undefined ? '' : `--only ${only} merges the other half; `
  return unverified(
    'MERGE_KEYS_MISSING',
    `${model.name} (${letterOf(index)}) ${what}`,
    `${half}--allow-missing keeps what A has there.`,
  )
}

export function surplusError({ model, index, title, names }: Missing): SdtoolError {
  return unverified(
    'MERGE_KEYS_MISSING',
    `${model.name} (${letterOf(index)}) has ${counted(names, 'tensor')} of the ${title} that A lacks`,
    'Name it first, or leave them out with --allow-missing.',
  )
}

export function misfitError(
  model: Model,
  index: number,
  name: string,
  shapes: readonly (readonly number[])[],
): SdtoolError {
  const [own, wanted] = shapes.map((shape) => `[${shape.join(', ')}]`)
  const isWider = shapes[0]!.length === 4 && shapes[0]![1]! > shapes[1]![1]!
  return unverified(
    'MERGE_MISFIT',
    `${quoted(name)} is ${own} in ${model.name} (${letterOf(index)}), ${wanted} in A`,
    isWider ? 'The inpainting or instruct-pix2pix model has to be A, the first one.' : undefined,
  )
}
