/**
 * Values that are not finite. One rule for all commands: what a command would bring into a model, computed or from
 * another file, has to be finite, or nothing is written; what was there before and stays is reported.
 */

import { warning } from '../../model/finding.ts'
import { refuse } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import type { Finding, Source } from '../../tensor/values/table.ts'
import type { WriteResult } from '../../tensor/write/write.ts'
import type { Plan, StepAction } from '../plan.ts'
import { type Affected, messages } from './messages.ts'

/** Buffers that are infinite on purpose: the causal mask of OpenCLIP. */
const MASKS = /(?:^|\.)attn_mask$/

export function mayBeInfinite(name: string): boolean {
  return MASKS.test(name)
}

/** Steps that put values into a model which were not in it. */
const BRINGS_IN: ReadonlySet<StepAction> = new Set<StepAction>(['patch', 'blend', 'replace', 'add'])

type Written = Pick<WriteResult, 'notFinite' | 'casts'>

/** @throws NOT_FINITE (exit 3) for what would be new in the output */
export function checkFinite(plan: Plan, inputs: readonly FileRef[], written: Written): void {
  const broken = brokenTensors(written).filter(([name]) => isNew(name, plan, inputs))
  if (broken.length === 0) return
  throw refuse('NOT_FINITE', messages.wouldBeDamaged(affected(broken)), messages.seeScan)
}

/** What stays of an input that is damaged. */
export function finiteFindings(plan: Plan, inputs: readonly FileRef[], written: Written): Finding[] {
  const broken = brokenTensors(written).filter(([name]) => !isNew(name, plan, inputs))
  if (broken.length === 0) return []
  return [warning('not-finite', messages.keptDamage(affected(broken)))]
}

/** Without those that rounding made of numbers, which are reported as overflow. */
function brokenTensors({ notFinite, casts }: Written): [name: string, count: number][] {
  return [...notFinite]
    .map(([name, count]): [string, number] => [name, count - (casts.get(name)?.overflow ?? 0)])
    .filter(([name, count]) => count > 0 && !mayBeInfinite(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function isNew(name: string, { table, steps, sum }: Plan, inputs: readonly FileRef[]): boolean {
  if (sum) return true
  if (steps.some(({ action, names }) => BRINGS_IN.has(action) && names.includes(name))) return true
  const source = table.tensors.get(name)?.source
  return source !== undefined && !isStoredIn(source, inputs)
}

function isStoredIn(source: Source, inputs: readonly FileRef[]): boolean {
  if (source.kind === 'cast') return isStoredIn(source.of.source, inputs)
  if (source.kind === 'concat') return source.of.every((part) => isStoredIn(part.source, inputs))
  return source.kind === 'stored' && inputs.some(({ path }) => path === source.file.path)
}

function affected(broken: readonly (readonly [name: string, count: number])[]): Affected {
  const values = broken.reduce((sum, [, count]) => sum + count, 0)
  return { values, tensors: broken.length, first: broken[0]![0] }
}
