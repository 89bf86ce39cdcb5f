/** What a merge did to the weights, from what was counted while they were written. */

import { counted, info } from '../../model/finding.ts'
import { EXIT, SdtoolError, type SdtoolErrorOptions } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { isNothing, lossFinding, type PartChange, partCounts, sharesOf } from '../output/patch-proof.ts'
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
  const dead = [...patches].filter(([name]) => isNothing(counts.get(name) ?? NO_PATCH))
  if (dead.length === 0) return []
  const message = `${counted(modulesOf(dead.map(([, patch]) => patch)), 'module')} change nothing: what they add is 0, or too small for any type`
  return [info('lora-dead-modules', message)]
}

function modulesOf(patches: readonly Pick<PlannedPatch, 'by'>[]): string[] {
  return [...new Set(patches.flatMap(({ by }) => by.map(({ module }) => module)))]
}

/**
 * Refuses a merge that did not do what it was to do.
 * @throws NOTHING_CHANGED, DELTA_VANISHED (exit 4), NOT_FINITE (exit 3)
 */
export function checkProof({ table, patches }: Planned, counts: Counted): void {
  const all = [...patches].map(([name, { by }]) => ({ name, by, stats: counts.get(name) ?? NO_PATCH }))
  const broken = all.find(({ stats }) => !Number.isFinite(stats.delta2) || !Number.isFinite(stats.base2))
  if (broken !== undefined) throw notFinite(broken.name, broken.stats, broken.by)
  if (all.every(({ stats }) => isNothing(stats))) {
    throw failed('NOTHING_CHANGED', 'nothing changed: all that the LoRAs add to the weights is 0', {
      hint: 'The LoRA may be untrained or damaged; sdtool inspect --scan looks at its values.',
    })
  }
  const vanished = all.filter(({ stats }) => !isNothing(stats) && stats.changed === 0)
  if (vanished.length === 0) return
  const { name, stats } = vanished[0]!
  const rms = Math.sqrt(stats.delta2 / stats.count)
  throw failed(
    'DELTA_VANISHED',
    `the change of ${counted(modulesOf(vanished), 'module')} vanishes when it is rounded: in ${quoted(name)} it is ${rms.toExponential(1)} on average, less than half a step of ${table.tensors.get(name)!.dtype}`,
    { hint: 'Use a wider type (--dtype fp32), a higher ratio, or leave the modules out (--exclude).' },
  )
}

function notFinite(name: string, { base2 }: PatchStats, by: PlannedPatch['by']): SdtoolError {
  const cause = Number.isFinite(base2) ? `module ${quoted(by[0]!.module)}` : 'the base'
  return failed(
    'NOT_FINITE',
    `${quoted(name)} would have values that are no finite numbers, because of ${cause}`,
    {
      exitCode: EXIT.refused,
      hint: 'sdtool inspect --scan shows which file is damaged.',
    },
  )
}

function failed(code: string, message: string, options: SdtoolErrorOptions): SdtoolError {
  return new SdtoolError(code, message, { exitCode: EXIT.unverified, ...options })
}
