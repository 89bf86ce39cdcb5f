import { castWeight, checkCast, checkSelected, chosenDType, dtypeName } from '../../model/dtype-choice.ts'
import { warning } from '../../model/finding.ts'
import type { EmaInfo } from '../../model/identify/ema.ts'
import type { ValueReader } from '../../model/identify/evidence.ts'
import { needsRepair, readPositionIds, repairedPositionIds } from '../../model/identify/position-ids.ts'
import { readSchedule } from '../../model/identify/schedule.ts'
import type { Identifiable, Identity } from '../../model/identity.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import {
  type Component,
  isSelected,
  ROLES,
  type Role,
  type Selector,
  tensorsOf,
  VITAL_ROLES,
} from '../../model/networks/components.ts'
import { unverified } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { OutputDType } from '../../tensor/values/dtype.ts'
import { renamed } from '../../tensor/values/expr.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { checkHasTensors, checkWritable, newPlan, type Plan, type PlanBuilder } from '../plan.ts'
import { decideEma, type EmaDecision } from './ema.ts'
import { messages } from './messages.ts'
import { isWanted, type PruneOptions } from './plan-options.ts'

export type { EmaMode, PruneOptions } from './plan-options.ts'

/**
 * Plans a smaller file: without the second copy of the weights, training state and buffers that programs compute,
 * in other types if asked for. Every tensor of the input is in exactly one step.
 * @throws SdtoolError (exit 4) EMA_ALONE, EMA_PARTIAL, EMA_OF_MERGE, EMA_NEVER_UPDATED, EMA_MISSING, COMPONENT_NOT_FOUND, PRUNE_LOSES;
 * (exit 3) NO_TENSORS, SCALED_FP8, QUANTISED, TENSOR_NOT_CONVERTIBLE; (exit 2) USAGE where --ema contradicts --keep or --drop
 */
export async function planPrune(
  file: Identifiable,
  identity: Identity,
  options: PruneOptions,
  read: ValueReader,
): Promise<Plan> {
  checkHasTensors(file)
  const { dtype = {}, keep = [], drop = [] } = options
  checkSelected(identity.components, [...keep, ...drop, ...(Object.keys(dtype.by ?? {}) as Selector[])])
  const emaDecision = decidedEma(file, identity, options)
  const rules: Rules = {
    file,
    options,
    ema: identity.ema,
    emaDecision,
    isDefaultSchedule: await hasDefaultSchedule(file, identity, read),
    damagedIds: await damagedPositionIds(file, read),
  }
  if (emaDecision === 'promote') checkReplaceable(file, identity)
  const plan = newPlan(file)
  for (const component of identity.components) planComponent(plan, component, rules)
  for (const { path, bytes } of file.leftovers ?? []) {
    if (bytes > 0) plan.addLeftover(path, bytes, messages.trainingLeftover)
  }
  const result = plan.build(file.metadata, planFindings(rules, identity))
  checkNothingLost(identity, result, options)
  checkWritable(result.table)
  return result
}

/** Scales and tables of live weights have no copies, and are the likely reason why EMA values do not cover all. */
function decidedEma(file: Identifiable, identity: Identity, options: PruneOptions): EmaDecision {
  try {
    return decideEma(identity, options)
  } catch (error) {
    if (identity.ema?.pairs.size) checkReplaceable(file, identity)
    throw error
  }
}

/** EMA values would be read with the scales of the live weights. @throws SCALED_FP8, QUANTISED (exit 3) */
function checkReplaceable(file: Identifiable, { components, ema }: Identity): void {
  for (const component of components.filter(({ role }) => role === ema?.of))
    checkOperation('replace', tensorsOf(file, component), shared.theComponent(component.title))
}

interface Rules {
  readonly file: Identifiable
  readonly options: PruneOptions
  readonly ema: EmaInfo | undefined
  readonly emaDecision: EmaDecision
  readonly isDefaultSchedule: boolean
  /** Names of `position_ids` that are written anew. */
  readonly damagedIds: ReadonlySet<string>
}

function planComponent(plan: PlanBuilder, component: Component, rules: Rules): void {
  const { options, file } = rules
  const reason = dropReason(component, rules)
  const dtype = reason === undefined ? chosenDType(component, options.dtype ?? {}) : undefined
  checkCast(file, component, dtype)
  for (const name of component.names) {
    const tensor = file.tensors.get(name)!
    if (reason !== undefined) plan.add(component, 'drop', tensor, undefined, reason)
    else planTensor(plan, component, tensor, dtype, rules)
  }
}

/** Why a whole component is left out; undefined if it stays. */
function dropReason(
  component: Component,
  { options, emaDecision, isDefaultSchedule }: Rules,
): string | undefined {
  const { role } = component
  if (role === 'ema') return emaReason(component, emaDecision, options)
  if (isSelected(component, options.drop ?? [])) return messages.droppedByName
  const isNamed = isSelected(component, options.keep ?? [])
  if (isNamed) return undefined
  if (role === 'training') return messages.trainingState
  if (role === 'schedule' && isDefaultSchedule && options.keepSchedule !== true) {
    return messages.usualSchedule
  }
  const hasKeep = (options.keep ?? []).length > 0
  // Markers and schedule say how to use a UNet: they go where it goes
  const follows = (role === 'marker' || role === 'schedule') && (options.keep ?? []).some(isUnetSelector)
  return hasKeep && !follows ? messages.notKept : undefined
}

function isUnetSelector(selector: Selector): boolean {
  return selector === 'unet' || selector === 'dit'
}

function emaReason(component: Component, decision: EmaDecision, options: PruneOptions): string | undefined {
  if (decision === 'keep') return undefined
  if (decision === 'promote') return messages.emaPromoted
  return isSelected(component, options.drop ?? []) ? messages.droppedByName : messages.secondCopy
}

function planTensor(
  plan: PlanBuilder,
  component: Component,
  tensor: Tensor,
  dtype: OutputDType | undefined,
  rules: Rules,
): void {
  if (rules.damagedIds.has(tensor.name)) {
    const repaired = repairedPositionIds(tensor)
    plan.add(component, 'rewrite', tensor, repaired, messages.repairedPositionIds)
    return
  }
  const copy = rules.emaDecision === 'promote' ? rules.ema?.pairs.get(tensor.name) : undefined
  const values = copy === undefined ? tensor : rules.file.tensors.get(copy)!
  const after = renamed(castWeight(values, dtype), tensor.name)
  const as = after.dtype === values.dtype ? undefined : dtypeName(dtype!)
  const promoted = as === undefined ? messages.emaValues : messages.emaValuesAs(as)
  if (copy !== undefined) plan.add(component, 'promote', tensor, after, promoted)
  else if (as !== undefined) plan.add(component, 'cast', tensor, after, shared.storedAs(as))
  else plan.add(component, 'keep', tensor, after, keepReason(component))
}

function keepReason({ role, id }: Component): string {
  if (role === 'marker') return messages.marker
  if (role === 'schedule') return messages.keptSchedule
  return id === 'other' ? messages.unknown : shared.partOfModel
}

async function hasDefaultSchedule(
  file: Identifiable,
  { architecture }: Identity,
  read: ValueReader,
): Promise<boolean> {
  const known = architecture && architectureById(architecture.id)
  return (await readSchedule(file, read, known))?.isDefault !== false
}

async function damagedPositionIds(file: Identifiable, read: ValueReader): Promise<Set<string>> {
  const ids = await readPositionIds(file, read)
  return new Set(ids.filter(needsRepair).map(({ tensor }) => tensor.name))
}

function planFindings(rules: Rules, { components }: Identity): Finding[] {
  const { emaDecision, ema, isDefaultSchedule } = rules
  const findings: Finding[] = []
  if (emaDecision === 'promote' && ema && ema.orphans.length > 0)
    findings.push(warning('ema-orphans', messages.emaOrphans(ema.orphans.length)))
  if (emaDecision === 'promote' && ema?.updates === 0)
    findings.push(warning('ema-never-updated', messages.emaNeverUpdatedPromoted))
  const schedule = components.find(({ role }) => role === 'schedule')
  if (schedule && !isDefaultSchedule && dropReason(schedule, rules) === undefined)
    findings.push(warning('custom-schedule', messages.customSchedule))
  return findings
}

const VITAL: ReadonlySet<Role> = new Set(VITAL_ROLES)

/**
 * Compares the result with the input: no vital component may be gone that was not named.
 * @throws PRUNE_LOSES (exit 4)
 */
function checkNothingLost({ components }: Identity, plan: Plan, options: PruneOptions): void {
  if (plan.table.tensors.size === 0) throw unverified('PRUNE_LOSES', messages.nothingLeft, messages.nameLess)
  const left = new Set(
    plan.steps.filter(({ bytesAfter }) => bytesAfter > 0).map(({ component }) => component),
  )
  for (const component of components) {
    if (!VITAL.has(component.role) || left.has(component.id) || !isWanted(component, options)) continue
    throw unverified(
      'PRUNE_LOSES',
      messages.wouldBeLost(component.title, ROLES[component.role]),
      messages.nameToMean(component.id),
    )
  }
}
