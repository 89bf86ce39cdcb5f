/** What a merge did to the weights, from what was counted while they were written. */

import { info } from '../../model/finding.ts'
import { refuse, type SdtoolError, unverified } from '../../system/errors.ts'
import { NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { isNegligible, lossFinding, type PartChange, partCounts, sharesOf } from '../output/patch-proof.ts'
import { messages } from './messages.ts'
import type { PlannedPatch } from './table.ts'

/** The change of one part of the model. */
export interface PartProof extends PartChange {
  readonly modules: number
}

export interface Proof {
  readonly parts: readonly PartProof[]
  readonly findings: readonly Finding[]
}

type Planned = {
  readonly table: TensorTable
  readonly patches: ReadonlyMap<string, PlannedPatch>
}
type Counted = ReadonlyMap<string, PatchStats>

/** @param counted what the writer counted of each tensor */
export function proofOf({ table, patches }: Planned, counts: Counted): Proof {
  const rows = partCounts(
    new Map([...patches].map(([name, { component }]) => [name, component])),
    table,
    counts,
  )
  const parts = rows.map(({ component, stats, names }): PartProof => {
    const modules = new Set(
      names.flatMap((name) => patches.get(name)!.by.map(({ lora, module }) => `${lora} ${module}`)),
    )
    const { id, title } = component
    return { component: id, title, modules: modules.size, tensors: names.length, ...sharesOf(stats) }
  })
  const lossy = rows.flatMap((row) => lossFinding(row, 'loras') ?? [])
  return { parts, findings: [...lossy, ...deadFinding(patches, counts)] }
}

function deadFinding(patches: Planned['patches'], counts: Counted): Finding[] {
  const dead = [...patches].filter(([name]) => isNegligible(counts.get(name) ?? NO_PATCH))
  if (dead.length === 0) return []
  return [info('lora-dead-modules', messages.deadModules(modulesOf(dead.map(([, patch]) => patch))))]
}

function modulesOf(patches: readonly Pick<PlannedPatch, 'by'>[]): string[] {
  return [...new Set(patches.flatMap(({ by }) => by.map(({ module }) => module)))]
}

/**
 * Refuses a merge that did not do what it should.
 * @throws NOTHING_CHANGED, DELTA_VANISHED (exit 4), NOT_FINITE (exit 3)
 */
export function checkProof({ table, patches }: Planned, counts: Counted): void {
  const all = [...patches].map(([name, { by }]) => ({ name, by, stats: counts.get(name) ?? NO_PATCH }))
  const broken = all.find(({ stats }) => !Number.isFinite(stats.delta2) || !Number.isFinite(stats.base2))
  if (broken !== undefined) throw notFinite(broken.name, broken.stats, broken.by)
  if (all.every(({ stats }) => isNegligible(stats)))
    throw unverified('NOTHING_CHANGED', messages.nothingChanged, messages.maybeUntrained)
  const vanished = all.filter(({ stats }) => !isNegligible(stats) && stats.changed === 0)
  if (vanished.length === 0) return
  const { name, stats } = vanished[0]!
  const average = Math.sqrt(stats.delta2 / stats.count).toExponential(1)
  const { dtype } = table.tensors.get(name)!
  throw unverified(
    'DELTA_VANISHED',
    messages.vanished(modulesOf(vanished), name, average, dtype),
    messages.keepMore,
  )
}

function notFinite(name: string, { base2 }: PatchStats, by: PlannedPatch['by']): SdtoolError {
  const text = Number.isFinite(base2)
    ? messages.notFiniteByModule(name, by[0]!.module)
    : messages.notFiniteByBase(name)
  return refuse('NOT_FINITE', text, shared.seeScanFile)
}
