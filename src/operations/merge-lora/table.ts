/** The table of a merged model: changed weights, and all others as they are. */

import {
  castWeight,
  checkCast,
  checkSelected,
  chosenDType,
  type DTypeChoice,
  type DTypeName,
  dtypeName,
  isCastable,
} from '../../model/dtype-choice.ts'
import { warning } from '../../model/finding.ts'
import type { Identifiable, Identity } from '../../model/identity.ts'
import { type Component, type Selector, tensorsOf } from '../../model/networks/components.ts'
import { refuse } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { canCast } from '../../tensor/values/expr.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { newPlan, type Plan, type PlanBuilder } from '../plan.ts'
import { messages } from './messages.ts'
import { grownBase, type Patch, type Patcher, type Patches } from './patches.ts'
import type { MergeLoraPlanOptions } from './plan-options.ts'

/** What is done to one tensor, for the proof after writing. */
export interface PlannedPatch {
  readonly component: Component
  readonly by: readonly Patcher[]
}

interface PatchedTable {
  readonly plan: Plan
  /** By the name of the tensor. */
  readonly planned: ReadonlyMap<string, PlannedPatch>
}

/** @throws SCALED_FP8, QUANTISED, NOT_PATCHABLE (exit 3); COMPONENT_NOT_FOUND (exit 4) */
export function patchedTable(
  { file, identity }: { readonly file: Identifiable; readonly identity: Identity },
  patches: Patches,
  { dtype = {}, ema }: MergeLoraPlanOptions,
): PatchedTable {
  checkSelected(identity.components, Object.keys(dtype.by ?? {}) as Selector[])
  const plan = newPlan(file)
  const isStale = isStaleCopy(identity, patches, ema)
  const stale = identity.components.filter(({ role }) => role === 'ema' && isStale)
  const planned = new Map<string, PlannedPatch>()
  for (const component of identity.components) {
    if (stale.includes(component)) dropComponent(plan, component, file)
    else for (const patch of addComponent(plan, component, file, patches, dtype)) planned.set(...patch)
  }
  for (const { path, bytes } of file.leftovers ?? [])
    if (bytes > 0) plan.addLeftover(path, bytes, shared.trainingState)
  return { plan: plan.build(file.metadata, stale.map(staleFinding)), planned }
}

function dropComponent(plan: PlanBuilder, component: Component, { tensors }: Identifiable): void {
  for (const name of component.names)
    plan.add(component, 'drop', tensors.get(name)!, undefined, shared.staleEma)
}

/** Whether the copy is one of weights that change, and does not change with them. */
function isStaleCopy({ ema }: Identity, patches: Patches, mode: MergeLoraPlanOptions['ema']): boolean {
  return mode !== 'patch' && ema?.of === 'unet' && changesUnet(patches)
}

function changesUnet(patches: Patches): boolean {
  return [...patches.values()].some(({ component, by }) => component.role === 'unet' && by.length > 0)
}

function staleFinding({ title, bytes }: Component): Finding {
  return warning('ema-dropped', messages.emaDropped(title), bytes)
}

function addComponent(
  plan: PlanBuilder,
  component: Component,
  file: Identifiable,
  patches: Patches,
  choice: DTypeChoice,
): [string, PlannedPatch][] {
  const dtype = chosenDType(component, choice)
  checkCast(file, component, dtype)
  checkPatchable(file, component, patches)
  const planned: [string, PlannedPatch][] = []
  for (const name of component.names) {
    const tensor = file.tensors.get(name)!
    const patch = patches.get(name)
    if (patch !== undefined && patch.by.length > 0) {
      const after = patchedTensor(patch, dtype)
      const as = castAs(tensor, after)
      const why = as === undefined ? messages.changed : messages.changedAs(as)
      plan.add(component, 'patch', tensor, after, why)
      planned.push([name, { component, by: patch.by }])
      continue
    }
    const after = castWeight(tensor, dtype)
    if (after.dtype === tensor.dtype) plan.add(component, 'keep', tensor, after, shared.unchanged)
    else plan.add(component, 'cast', tensor, after, messages.unchangedAs(dtypeName(dtype!)))
  }
  return planned
}

/** The type it is cast to; undefined where it keeps its own. */
function castAs(before: Tensor, after: Tensor): DTypeName | undefined {
  return before.dtype === after.dtype || !canCast(before.dtype, after.dtype)
    ? undefined
    : dtypeName(after.dtype)
}

function patchedTensor(patch: Patch, wanted: ReturnType<typeof chosenDType>): Tensor {
  const { base, value, shape } = patch
  const dtype = wanted !== undefined && isCastable(base) ? wanted : base.dtype
  if (!canCast(base.dtype, dtype))
    throw refuse('NOT_PATCHABLE', messages.notPatchable(base.name, base.dtype), messages.convertFirst)
  return { name: base.name, dtype, shape, source: { kind: 'patched', base: grownBase(patch), value } }
}

/** @throws SCALED_FP8, QUANTISED (exit 3) */
function checkPatchable({ tensors }: Identifiable, component: Component, patches: Patches): void {
  const changes = component.names.some((name) => (patches.get(name)?.by.length ?? 0) > 0)
  if (changes)
    checkOperation(
      'merge-lora',
      tensorsOf({ tensors, metadata: {} }, component),
      shared.theComponent(component.title),
    )
}
