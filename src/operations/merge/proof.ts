/** What a merge did to the weights of the first model. */

import { counted, info, warning } from '../../model/finding.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { isNothing, lossFinding, type PartChange, partCounts, sharesOf } from '../output/patch-proof.ts'
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
  const same = all.filter(({ stats }) => isNothing(stats)).map(({ name }) => name)
  const rounded = all.filter(({ stats }) => !isNothing(stats) && stats.changed === 0).map(({ name }) => name)
  return [
    ...(same.length === 0
      ? []
      : [info('merge-same', `${counted(same, 'tensor')} came out as in A: the models agree there`)]),
    ...(rounded.length === 0
      ? []
      : [
          warning(
            'merge-vanished',
            `the change of ${counted(rounded, 'tensor')} vanishes when it is rounded; a wider type (--dtype) keeps it`,
          ),
        ]),
  ]
}

/**
 * Refuses a merge that is a copy of the first model, or that has values which are no numbers.
 * @throws NOTHING_CHANGED (exit 4), NOT_FINITE (exit 3)
 */
export function checkMerge({ blended }: CheckpointMergePlan, counts: Counts): void {
  const all = [...blended.keys()].map((name) => ({ name, stats: counts.get(name) ?? NO_PATCH }))
  const broken = all.find(({ stats }) => !Number.isFinite(stats.delta2) || !Number.isFinite(stats.base2))
  if (broken !== undefined) {
    throw new SdtoolError(
      'NOT_FINITE',
      `${quoted(broken.name)} would have values that are no finite numbers`,
      {
        exitCode: EXIT.refused,
        hint: 'sdtool inspect --scan shows which model is damaged.',
      },
    )
  }
  if (all.some(({ stats }) => stats.changed > 0)) return
  throw new SdtoolError('NOTHING_CHANGED', 'nothing changed: every weight came out as it is in A', {
    exitCode: EXIT.unverified,
    hint: 'The models may be the same, or the alpha too small for the type that is written.',
  })
}
