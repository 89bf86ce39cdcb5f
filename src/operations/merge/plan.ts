/** Checkpoints into one, by a method of the registry. */

import { castWeight, checkCast, checkSelected, chosenDType, isCastable } from '../../model/dtype-choice.ts'
import { warning } from '../../model/finding.ts'
import type { ValueReader } from '../../model/identify/evidence.ts'
import { needsRepair, readPositionIds, repairedPositionIds } from '../../model/identify/position-ids.ts'
import { declaredIdentity, samePrediction } from '../../model/identify/same-prediction.ts'
import { modelNamedAs } from '../../model/layouts/align.ts'
import { placesIn } from '../../model/layouts/pairs.ts'
import type { Model } from '../../model/model.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { type Component, type Selector, tensorsOf } from '../../model/networks/components.ts'
import { unverified, usage } from '../../system/errors.ts'
import { mergeMethod } from '../../tensor/merge/registry.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { canCast, renamed } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { checkBlocks } from '../merge-lora/block-ratios.ts'
import { messages as shared } from '../messages.ts'
import { newPlan, type Plan } from '../plan.ts'
import { blendFor, blocksOf, sideIn } from './blends.ts'
import { blockRules } from './block-weights.ts'
import { checkCoverage } from './coverage.ts'
import type { KeptTensor, MergeJob, PlannedBlend, WholeTensor } from './job.ts'
import { messages } from './messages.ts'
import { addMissingVae, type OtherVae, otherVae, vaeFindings } from './other-vae.ts'
import { alphasOf, type CheckpointMergeOptions, letterOf } from './plan-options.ts'
import { checkModels, checkPredictions, expertFindings } from './strict.ts'
import { isUnchecked, latentFindings, uncheckedFindings } from './unchecked.ts'
import { copiedModel, mergedValue, parametersFor } from './value.ts'

export interface CheckpointMergePlan extends Plan {
  /** Component of each tensor that is computed, by its name. */
  readonly blended: ReadonlyMap<string, Component>
  /** Weights that are another model's as they are. */
  readonly replaced: readonly WholeTensor[]
  readonly models: readonly LetteredModel[]
  /** Tensors that have to be the same in all models, as they do not blend and nothing is known of them. */
  readonly kept: readonly KeptTensor[]
}

/** A model of a merge, as its formula calls it. */
export interface LetteredModel {
  readonly letter: string
  readonly name: string
  readonly title: string
}

/**
 * Plans a merge: the first model is what stays where nothing is blended, in names, types, metadata and markers. UNet and
 * text encoders are blended, the VAE is taken whole from one model unless a blend is asked for, everything else is A's.
 * An EMA copy goes, as it copies weights that are no longer there.
 * @param read reads the position ids of A
 * @throws SdtoolError (exit 2) USAGE, BLOCK_UNKNOWN; (exit 3) MERGE_NOT_A_MODEL, LAYOUT_MISFIT, SCALED_FP8, QUANTISED; (exit 4)
 *   MERGE_MIXED_ARCHITECTURES, MERGE_MIXED_PREDICTIONS, MERGE_KEYS_MISSING, MERGE_MISFIT, MERGE_NOTHING, MERGE_DTYPE,
 *   COMPONENT_NOT_FOUND, PATTERN_UNUSED
 */
export async function planMerge(
  inputs: readonly Model[],
  options: CheckpointMergeOptions,
  read: ValueReader,
): Promise<CheckpointMergePlan> {
  checkModels(inputs, options)
  const [first, ...others] = inputs as [Model, ...Model[]]
  const models = [first, ...others.map((other) => modelNamedAs(other, first))]
  checkSelected(first.identity.components, Object.keys(options.dtype?.by ?? {}) as Selector[])
  const job = newJob(models, options)
  const broken = (await readPositionIds(first.file, read)).filter(needsRepair)
  const repaired = new Map(broken.map(({ tensor }) => [tensor.name, repairedPositionIds(tensor)]))
  const vae = otherVae(models, options)
  for (const component of first.identity.components) {
    const blend = blendFor(component, models, options)
    if (blend !== undefined) addBlend(blend, job, repaired)
    else addAsItIs(component, job, vae, repaired)
  }
  addMissingVae(vae, job)
  addMarkers(job)
  for (const { path, bytes } of first.file.leftovers ?? []) {
    if (bytes > 0) job.plan.addLeftover(path, bytes, shared.trainingState)
  }
  job.findings.push(
    ...checkPredictions(job),
    ...expertFindings(job),
    ...vaeFindings(models, options),
    ...latentFindings(models),
    ...uncheckedFindings(job),
  )
  checkUse(job)
  return {
    ...job.plan.build(first.file.metadata, job.findings),
    blended: job.blended,
    replaced: job.whole.filter(({ from }) => from > 0),
    kept: job.kept,
    models: models.map(({ name, identity }, i) => ({ letter: letterOf(i), name, title: identity.title })),
  }
}

function newJob(models: readonly Model[], options: CheckpointMergeOptions): MergeJob {
  const method = mergeMethod(options.method)
  const [first] = models
  const architecture = architectureById(first!.identity.architecture?.id ?? '')
  const rules = options.blocks ? blockRules(options.blocks, architecture) : []
  const betaRules = options.betaBlocks ? blockRules(options.betaBlocks, architecture) : []
  checkNamedBlocks(first!, options)
  const keys = options.keys ?? []
  const numbers = alphasOf(method, models.length, options.alpha)
  if (numbers.length > 1 && (rules.length > 0 || keys.length > 0)) {
    throw usage(messages.blocksNeedOneAlpha, messages.mergeTwo)
  }
  return {
    models,
    options,
    method,
    alphas: numbers.map((otherwise) => ({ keys, rules, otherwise })),
    beta: { keys: [], rules: betaRules, otherwise: options.beta ?? method.beta ?? 0 },
    plan: newPlan(first!.file),
    findings: [],
    blended: new Map(),
    whole: [],
    used: new Set(),
    kept: [],
  }
}

/** Only rules by name can mean a block that is not there. */
function checkNamedBlocks(first: Model, { blocks, betaBlocks }: CheckpointMergeOptions): void {
  const given = [blocks, betaBlocks].filter((weights) => weights !== undefined && 'rules' in weights)
  if (given.length === 0) return
  const known = first.identity.components.flatMap((component) => {
    const side = sideIn(component, first)
    if (side === undefined) return []
    const places = placesIn(first, component)
    const blockOf = blocksOf(component, places, first)
    return [...places.values()].map((place) => ({ block: blockOf(place), side }))
  })
  for (const weights of given) checkBlocks(weights, known)
}

/** Blends a component, tensor by tensor. */
function addBlend(blend: PlannedBlend, job: MergeJob, repaired: ReadonlyMap<string, Tensor>): void {
  const { component, others, places } = blend
  const { models, options } = job
  const [first] = models
  const dtype = chosenDType(component, options.dtype ?? {})
  for (const other of models) checkBlendable(other, component)
  checkCoverage(blend, job)
  for (const name of component.names) {
    const tensor = first!.file.tensors.get(name)!
    const place = places.get(name)
    const found = others.map((placed) => (place === undefined ? undefined : placed?.get(place)))
    if (
      !isCastable(tensor) ||
      place === undefined ||
      found.some((other) => other === undefined || !isCastable(other))
    ) {
      addOwn(job, component, tensor, repaired.get(name) ?? castWeight(tensor, dtype))
      if (isUnchecked(component, first!)) job.kept.push({ own: tensor, others: found })
      continue
    }
    addBlended(blend, job, tensor, found as Tensor[], place, dtype)
  }
}

/** @throws SCALED_FP8, QUANTISED (exit 3) */
function checkBlendable({ name, file, identity }: Model, { role }: Component): void {
  // one that is stored in another way may look like another encoder
  const own = identity.components.filter((component) => component.role === role)
  for (const component of own)
    checkOperation('merge', tensorsOf(file, component), shared.componentOf(component.title, name))
}

/** A tensor of A. */
function addOwn({ plan, whole }: MergeJob, component: Component, before: Tensor, after: Tensor): void {
  const action =
    after.source.kind === 'bytes' && after !== before
      ? 'rewrite'
      : after.dtype === before.dtype
        ? 'keep'
        : 'cast'
  plan.add(component, action, before, after, messages.fromA)
  if (isCastable(before)) whole.push({ component, from: 0, before, after })
}

function addBlended(
  blend: PlannedBlend,
  job: MergeJob,
  tensor: Tensor,
  others: readonly Tensor[],
  place: string,
  dtype: ReturnType<typeof chosenDType>,
): void {
  const { component } = blend
  const all = [tensor, ...others]
  const parameters = parametersFor(blend, tensor, place, job)
  const wanted = dtype ?? tensor.dtype
  if (!canCast(tensor.dtype, wanted))
    throw unverified('MERGE_DTYPE', messages.noFloat(tensor.name, tensor.dtype))
  const value = mergedValue(blend, all, job, parameters)
  const copied = copiedModel(value, job, parameters)
  if (copied !== undefined) {
    const source = { ...renamed(castWeight(all[copied]!, wanted), tensor.name), shape: tensor.shape }
    const why = copied === 0 ? messages.alphaKeepsA : messages.alphaTakes(letterOf(copied))
    job.plan.add(
      component,
      copied === 0 ? (source.dtype === tensor.dtype ? 'keep' : 'cast') : 'replace',
      tensor,
      source,
      why,
    )
    job.whole.push({ component, from: copied, before: tensor, after: source })
    return
  }
  const { name, shape } = tensor
  const after: Tensor = {
    name,
    dtype: wanted,
    shape,
    source: { kind: 'patched', base: tensor, value },
  }
  job.plan.add(component, 'blend', tensor, after, messages.blended(job.method.id, job.models.length))
  job.blended.set(name, component)
}

/** What is not blended: A's, or the VAE of another model. */
function addAsItIs(
  component: Component,
  job: MergeJob,
  vae: OtherVae | undefined,
  repaired: ReadonlyMap<string, Tensor>,
): void {
  const { plan, options, models, findings, whole } = job
  const dtype = chosenDType(component, options.dtype ?? {})
  const isStale =
    component.role === 'ema' && models[0]!.identity.ema?.of === 'unet' && options.only !== 'text'
  if (isStale) {
    findings.push(warning('ema-dropped', messages.emaDropped(component.title), component.bytes))
  } else checkCast(models[0]!.file, component, dtype)
  for (const name of component.names) {
    const tensor = models[0]!.file.tensors.get(name)!
    const other = vae?.tensors.get(name)
    if (isStale) plan.add(component, 'drop', tensor, undefined, shared.staleEma)
    else if (other !== undefined) {
      plan.add(component, 'replace', tensor, other, vae!.from)
      whole.push({ component, from: vae!.index, before: tensor, after: other })
    } else addOwn(job, component, tensor, repaired.get(name) ?? castWeight(tensor, dtype))
  }
}

/** Those of another model that A lacks, where all predict the same: A may say it by a file beside it, or not at all. */
function addMarkers({ models, options, plan }: MergeJob): void {
  const declared = declaredIdentity(models).architecture?.prediction
  if (options.only === 'text' || declared === undefined) return
  const isSame = ({ identity: { architecture } }: Model) =>
    architecture !== undefined && samePrediction(architecture.prediction, declared)
  const [first, ...others] = models
  if (!others.every(isSame)) return
  const names = new Set(first!.file.tensors.keys())
  for (const [i, { file, identity }] of others.entries()) {
    for (const component of identity.components.filter(({ id }) => id === 'markers')) {
      for (const name of component.names.filter((name) => !names.has(name))) {
        names.add(name)
        plan.addNew(component, file.tensors.get(name)!, messages.markersOf(letterOf(i + 1)))
      }
    }
  }
}

/** @throws PATTERN_UNUSED, MERGE_NOTHING (exit 4) for what would be one of the models */
function checkUse({ options, used, blended, whole, method, models }: MergeJob): void {
  const unused = (options.keys ?? []).find((pattern) => !used.has(pattern))
  if (unused !== undefined)
    throw unverified('PATTERN_UNUSED', messages.patternUnused(unused.text), messages.starHint)
  const sources = new Set(
    whole.flatMap(({ component, from }) => (sideIn(component, models[0]!) ? [from] : [])),
  )
  if (blended.size > 0 || sources.size > 1) return
  const [only = 0] = sources
  throw unverified(
    'MERGE_NOTHING',
    messages.wouldBeCopy(method.id, models[only]!.name),
    messages.formula(method.id, method.formula()),
  )
}
