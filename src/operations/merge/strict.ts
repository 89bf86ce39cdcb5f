/** What keeps models from being merged, in one line. */

import { warning } from '../../model/finding.ts'
import { areOtherExperts } from '../../model/identify/named-member.ts'
import {
  declaredIdentity,
  firstDifference,
  hasOtherSchedule,
  type Predicting,
  predictingOf,
  predictingText,
  predictionText,
} from '../../model/identify/same-prediction.ts'
import type { Kind } from '../../model/kinds.ts'
import type { Model } from '../../model/model.ts'
import { LATENT_SPACES } from '../../model/networks/architectures/architecture.ts'
import { refuse, type SdtoolError, unverified, usage } from '../../system/errors.ts'
import { mergeMethod } from '../../tensor/merge/registry.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { checkHasTensors, checkWritable, isNoNetwork, sameKeys } from '../plan.ts'
import type { MergeJob } from './job.ts'
import { messages } from './messages.ts'
import { type CheckpointMergeOptions, letterOf } from './plan-options.ts'

/** What to do with files that are no networks. */
const INSTEAD: Readonly<Partial<Record<Kind, () => string>>> = {
  lora: () => messages.useMergeLora,
  unknown: () => messages.useMergeLora, // a LoRA with broken names
  embedding: () => messages.embeddingsStand,
  aesthetic: () => messages.embeddingsStand,
}

/** @throws USAGE (exit 2); MERGE_NOT_A_MODEL, NO_TENSORS, TENSOR_NOT_CONVERTIBLE (exit 3); MERGE_MIXED_ARCHITECTURES (exit 4) */
export function checkModels(models: readonly Model[], options: CheckpointMergeOptions): void {
  checkCount(models.length, options)
  for (const model of models) checkKind(model)
  checkHasTensors(models[0]!.file)
  checkWritable(models[0]!.file)
  for (const [i, model] of models.entries()) if (i > 0) checkArchitecture(models[0]!, model, i)
}

/**
 * What is to be said of models that predict different things, as a UNet takes part of more than one.
 * @throws MERGE_MIXED_PREDICTIONS (exit 4) where that is not allowed, or where the output would declare what its UNet
 *   does not predict
 */
export function checkPredictions(job: MergeJob): Finding[] {
  const { models, options } = job
  if (options.only === 'text') return []
  const mixed = mixedPredictions(models)
  const schedule = scheduleDifference(models)
  if (mixed !== undefined || schedule !== undefined) checkForeign(job)
  if (mixed === undefined) return schedule === undefined ? [] : [warning('merge-mixed-schedules', schedule)]
  if (options.allowMixed !== true) throw mixed
  return [warning('merge-mixed-predictions', messages.mixedPredictionsAllowed(mixed.message))]
}

/** Networks of a pair that share the work, as far as names say. */
export function expertFindings({ models: [first, ...others], options }: MergeJob): Finding[] {
  const mine = first?.identity.architecture?.named
  const i = others.findIndex(({ identity }) => areOtherExperts(mine, identity.architecture?.named))
  if (first === undefined || mine === undefined || i < 0 || options.only === 'text') return []
  const { name, identity } = others[i]!
  const other = messages.withLetter(name, letterOf(i + 1))
  const text = messages.otherExperts(first.name, mine.title, other, identity.architecture!.named!.title)
  return [warning('merge-other-expert', text)]
}

/** @throws MERGE_MIXED_PREDICTIONS (exit 4) */
function checkForeign({ models, blended, whole }: MergeJob): void {
  const isBlended = [...blended.values()].some(({ role }) => role === 'unet')
  const sources = new Set(whole.flatMap(({ component, from }) => (component.role === 'unet' ? [from] : [])))
  const [from] = sources
  if (!isBlended && sources.size === 1 && from! > 0) throw foreignPrediction(models, from!)
}

/** The output declares what A predicts, by markers and metadata that are A's. */
function foreignPrediction([first, ...others]: readonly Model[], from: number): SdtoolError {
  const { name } = others[from - 1]!
  return unverified(
    'MERGE_MIXED_PREDICTIONS',
    messages.foreignPrediction([name, letterOf(from)], first!.name),
    messages.nameUnetFirst(name, first!.name),
  )
}

/** @throws USAGE (exit 2) when a method takes fewer or more models */
export function checkCount(count: number, { method }: Pick<CheckpointMergeOptions, 'method'>): void {
  const { models, formula } = mergeMethod(method)
  const [min, max] = models
  if (count >= min && count <= max) return
  const text = min === max ? messages.needsExactly : messages.needsAtLeast
  throw usage(text(method, min, count), messages.formula(method, formula()))
}

/** @throws SCALED_FP8, QUANTISED, MERGE_NOT_A_MODEL (exit 3) */
function checkKind({ name, file, identity }: Model): void {
  const { kind, title } = identity
  const isOther = isNoNetwork(identity)
  if (kind === 'unknown' || isOther) checkOperation('merge', file.tensors.values(), name)
  if (isOther)
    throw refuse(
      'MERGE_NOT_A_MODEL',
      messages.notMergeable(name, title),
      INSTEAD[kind]?.() ?? messages.weightsOnly,
    )
  const isObject = kind === 'unknown' && [...file.tensors.keys()].some((key) => key.includes(PICKLED_OBJECT))
  if (isObject) throw refuse('MERGE_NOT_A_MODEL', messages.pickledObjects(name), messages.weightsOnly)
}

/** In the names of tensors that a pickle keeps in objects, not in a dict of names. */
const PICKLED_OBJECT = '{state}/'

/**
 * Models of two families that sdtool knows never blend, nor VAEs for the latents of two families, whatever their keys are
 * called. Where it knows neither, equal keys and shapes decide.
 */
function checkArchitecture(first: Model, other: Model, index: number): void {
  const [a, b] = [first.identity.architecture, other.identity.architecture]
  const isAlike =
    a?.id === b?.id || ((a === undefined || b === undefined) && sameKeys(first.file, other.file))
  if (isAlike && !differInLatents(first, other)) return
  const what = ({ identity }: Model) => identity.architecture?.title ?? identity.title
  const text = isAlike ? messages.mixedLatents : messages.mixedArchitectures
  const titled = isAlike ? latentsOf : what
  throw unverified(
    'MERGE_MIXED_ARCHITECTURES',
    text([first.name, titled(first)], [other.name, titled(other), letterOf(index)]),
  )
}

const VAE_KINDS: ReadonlySet<Kind> = new Set<Kind>(['vae', 'taesd'])

/** Shapes do not tell VAEs of 4 channels apart; a name alone is no proof. */
function differInLatents({ identity: a }: Model, { identity: b }: Model): boolean {
  if (!VAE_KINDS.has(a.kind) || a.latents === undefined || b.latents === undefined) return false
  return a.latents.space !== b.latents.space && !a.latents.weak && !b.latents.weak
}

function latentsOf({ identity: { latents } }: Model): string {
  return latents === undefined ? '' : LATENT_SPACES[latents.space]
}

/** Undefined where all predict the same. An assumed prediction is one, too: it would be the one of the merged model. */
function mixedPredictions(models: readonly Model[]): SdtoolError | undefined {
  const pair = firstDifference(lettered(models))
  if (pair === undefined) return undefined
  const [first, other] = pair
  return unverified(
    'MERGE_MIXED_PREDICTIONS',
    messages.mixedPredictions(predictingText(first), predictingText(other)),
    messages.allowMixed,
  )
}

/** Of models that all predict the same. */
function scheduleDifference(models: readonly Model[]): string | undefined {
  const declared = declaredIdentity(models).architecture?.prediction
  const other = lettered(models).find(
    ({ prediction }) => declared !== undefined && hasOtherSchedule(prediction, declared),
  )
  return other && messages.mixedSchedules(predictingText(other), predictionText(declared!))
}

/** With names such as "a.safetensors (A)". */
function lettered(models: readonly Model[]): Predicting[] {
  return models.flatMap(({ name, identity }, i) =>
    predictingOf({ name: messages.withLetter(name, letterOf(i)), identity }),
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
  const text = all
    ? messages.lacksComponent(model.name, letterOf(index), title)
    : messages.lacksTensors(model.name, letterOf(index), names, title)
  const hint = only === undefined ? messages.allowMissing : messages.onlyOrAllowMissing(only)
  return unverified('MERGE_KEYS_MISSING', text, hint)
}

export function surplusError({ model, index, title, names }: Missing): SdtoolError {
  return unverified(
    'MERGE_KEYS_MISSING',
    messages.hasSurplus(model.name, letterOf(index), names, title),
    messages.nameFirstOrLeaveOut,
  )
}

/** @param shapes of the tensor in that model, and in A */
export function misfitError(
  model: Model,
  index: number,
  name: string,
  [own, wanted]: readonly [own: readonly number[], wanted: readonly number[]],
): SdtoolError {
  const isWider = own.length === 4 && wanted.length === 4 && own[1]! > wanted[1]!
  return unverified(
    'MERGE_MISFIT',
    messages.misfit(name, [model.name, letterOf(index), own], wanted),
    isWider ? messages.widerFirst : undefined,
  )
}
