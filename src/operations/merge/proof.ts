/** What a merge did to the weights of the first model. */

import { info, warning } from '../../model/finding.ts'
import { refuse, unverified } from '../../system/errors.ts'
import { NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { ReadInto } from '../../tensor/values/expr.ts'
import { sameValues } from '../../tensor/values/same.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { isNegligible, lossFinding, type PartChange, partCounts, sharesOf } from '../output/patch-proof.ts'
import { messages } from './messages.ts'
import type { CheckpointMergePlan } from './plan.ts'

export interface MergeProof {
  readonly parts: readonly PartChange[]
  readonly findings: readonly Finding[]
}

type Counts = ReadonlyMap<string, PatchStats>

/** @param counts what the writer counted of each tensor */
export function mergeProof({ table, blended }: CheckpointMergePlan, counts: Counts): MergeProof {
  const rows = partCounts(blended, table, counts)
  const parts = rows.map(({ component: { id, title }, stats, names }): PartChange => {
    return { component: id, title, tensors: names.length, ...sharesOf(stats) }
  })
  const lossy = rows.flatMap((row) => lossFinding(row, 'merge') ?? [])
  return { parts, findings: [...lossy, ...stillFindings(blended.keys(), counts)] }
}

/** Tensors that came out as they were: equal in all models, or nearly so. */
function stillFindings(names: Iterable<string>, counts: Counts): Finding[] {
  const all = [...names].map((name) => ({ name, stats: counts.get(name) ?? NO_PATCH }))
  const same = all.filter(({ stats }) => isNegligible(stats)).map(({ name }) => name)
  const rounded = all
    .filter(({ stats }) => !isNegligible(stats) && stats.changed === 0)
    .map(({ name }) => name)
  return [
    ...(same.length === 0 ? [] : [info('merge-same', messages.sameTensors(same))]),
    ...(rounded.length === 0 ? [] : [warning('merge-vanished', messages.vanished(rounded))]),
  ]
}

/** Refuses a merge that only takes from other models what A has, too. @throws NOTHING_CHANGED (exit 4) */
export async function checkReplaced(
  { blended, replaced }: CheckpointMergePlan,
  read: ReadInto,
): Promise<void> {
  if (blended.size > 0) return
  for (const { before, after } of replaced) {
    if (before === undefined || !(await sameValues(before, after, read))) return
  }
  throw unverified('NOTHING_CHANGED', messages.nothingChanged, messages.maybeSame)
}

/**
 * Refuses a merge that is a copy of the first model, or that has values which are not finite.
 * @throws NOTHING_CHANGED (exit 4), NOT_FINITE (exit 3)
 */
export function checkMerge({ blended, replaced }: CheckpointMergePlan, counts: Counts): void {
  const all = [...blended.keys()].map((name) => ({ name, stats: counts.get(name) ?? NO_PATCH }))
  const broken = all.find(({ stats }) => !Number.isFinite(stats.delta2) || !Number.isFinite(stats.base2))
  if (broken !== undefined) throw refuse('NOT_FINITE', messages.notFinite(broken.name), shared.seeScanFile)
  if (replaced.length > 0 || all.some(({ stats }) => stats.changed > 0)) return
  throw unverified('NOTHING_CHANGED', messages.nothingChanged, messages.maybeSame)
}
