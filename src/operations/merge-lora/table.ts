/** The table of a merged model: changed weights, and all others as they are. */

import {
  castWeight,
  checkCast,
  checkSelected,
  chosenDType,
  type DTypeChoice,
  dtypeName,
  isCastable,
} from '../../model/dtype-choice.ts'
import { warning } from '../../model/finding.ts'
import type { Identifiable, Identity } from '../../model/identity.ts'
import { type Component, type Selector, tensorsOf } from '../../model/networks/components.ts'
import { refuse } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { canCast } from '../../tensor/values/expr.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { newPlan, type Plan, type PlanBuilder } from '../plan.ts'
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

/**
 * @throws SCALED_FP8, QUANTISED, NOT_PATCHABLE, COMPONENT_NOT_FOUND
 */
export function patchedTable(
  { file, identity }: { readonly file: Identifiable; readonly identity: Identity },
  patches: Patches,
  { dtype = {}, ema }: MergeLoraPlanOptions,
): PatchedTable {
  checkSelected(identity.components, Object.keys(dtype.by ?? {}) as Selector[])
  const plan = newPlan(file)
  const isStale = isStaleCopy(identity, patches, ema)
  const planned = new Map<string, PlannedPatch>()
  const findings: Finding[] = []
  for (const component of identity.components) {
    if (component.role === 'ema' && isStale) {
      for (const name of component.names)
        plan.add(component, 'drop', file.tensors.get(name)!, undefined, STALE)
      findings.push(staleFinding(component))
    } else for (const patch of addComponent(plan, component, file, patches, dtype)) planned.set(...patch)
  }
  for (const { path, bytes } of file.leftovers ?? []) {
    if (bytes > 0) plan.addLeftover(path, bytes, 'training state in the pickle, no weights')
  }
  return { plan: plan.build(file.metadata, findings), planned }
}

const STALE = 'no longer a copy of the merged weights'

/** Whether the copy is one of weights that change, and does not change with them. */
function isStaleCopy({ ema }: Identity, patches: Patches, mode: MergeLoraPlanOptions['ema']): boolean {
  return mode !== 'patch' && ema?.of === 'unet' && changesUnet(patches)
}

function changesUnet(patches: Patches): boolean {
  return [...patches.values()].some(({ component, by }) => component.role === 'unet' && by.length > 0)
}

function staleFinding({ title, bytes }: Component): Finding {
  return warning(
    'ema-dropped',
    `the ${title} is ${STALE} and is left out; --ema patch merges into it, too, and sdtool prune takes its values first`,
    bytes,
  )
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
      plan.add(component, 'patch', tensor, after, `changed by the LoRAs${as(tensor, after)}`)
      planned.push([name, { component, by: patch.by }])
      continue
    }
    const after = castWeight(tensor, dtype)
    if (after.dtype === tensor.dtype) plan.add(component, 'keep', tensor, after, 'unchanged')
    else plan.add(component, 'cast', tensor, after, `unchanged${as(tensor, after)}`)
  }
  return planned
}

function as(before: Tensor, after: Tensor): string {
  return before.dtype === after.dtype || !canCast(before.dtype, after.dtype)
    ? ''
    : `, as ${dtypeName(after.dtype)}`
}

function patchedTensor(patch: Patch, wanted: ReturnType<typeof chosenDType>): Tensor {
  const { base, value, shape } = patch
  const dtype = wanted !== undefined && isCastable(base) ? wanted : base.dtype
  if (!canCast(base.dtype, dtype)) {
    throw refuse(
      'NOT_PATCHABLE',
      `${quoted(base.name)} is ${base.dtype}, and nothing can be added to that`,
      'Convert the base first: sdtool convert --dtype fp16.',
    )
  }
  return { name: base.name, dtype, shape, source: { kind: 'patched', base: grownBase(patch), value } }
}

/** @throws SCALED_FP8, QUANTISED */
function checkPatchable({ tensors }: Identifiable, component: Component, patches: Patches): void {
  const changes = component.names.some((name) => (patches.get(name)?.by.length ?? 0) > 0)
  if (changes)
    checkOperation('merge-lora', tensorsOf({ tensors, metadata: {} }, component), `the ${component.title}`)
}
