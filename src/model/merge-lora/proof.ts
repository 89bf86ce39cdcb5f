/** What a merge did to the weights, from what was counted while they were written. */
import { EXIT, SdtoolError, type SdtoolErrorOptions } from '../../errors.ts'
import { addPatchStats, NO_PATCH, type PatchStats } from '../../tensor/algebra/patch-stats.ts'
import type { Finding, TensorTable } from '../../tensor/table.ts'
import { quoted } from '../../tensor/text.ts'
import type { ComponentId } from '../components.ts'
import { counted, info, warning } from '../finding.ts'
import type { PlannedPatch } from './table.ts'

/** The change of one part of the model. Norms are Frobenius norms over all its changed tensors. */
export interface PartProof {
  readonly component: ComponentId
  readonly title: string
  readonly modules: number
  readonly tensors: number
  /** |change| / |weights before|; null if those were all 0. */
  readonly relative: number | null
  /** |what rounding took or added| / |change|; 0 if nothing changed. */
  readonly lost: number
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

/** More than this share of the change lost to rounding is worth a warning: the picture may show it. */
const MUCH_LOST = 0.1

/** @param counted what the writer counted of each tensor */
export function proofOf({ table, patches }: Planned, counts: Counted): Proof {
  const rows = new Map<PlannedPatch['component'], Row>()
  for (const [name, { component, by }] of patches) {
    const row = rows.get(component) ?? { stats: NO_PATCH, modules: new Set(), tensors: 0, dtypes: new Set() }
    rows.set(component, row)
    row.stats = addPatchStats(row.stats, counts.get(name) ?? NO_PATCH)
    row.tensors++
    row.dtypes.add(table.tensors.get(name)!.dtype)
    for (const { lora, module } of by) row.modules.add(`${lora} ${module}`)
  }
  const parts = [...rows].map(([{ id, title }, { stats, modules, tensors }]): PartProof => {
    return { component: id, title, modules: modules.size, tensors, ...shares(stats) }
  })
  const lossy = [...rows].flatMap(([{ title }, { stats, dtypes }]) => lossFinding(title, stats, dtypes) ?? [])
  return { parts, findings: [...lossy, ...deadFinding(patches, counts)] }
}

interface Row {
  stats: PatchStats
  readonly modules: Set<string>
  tensors: number
  readonly dtypes: Set<string>
}

function shares({ base2, delta2, error2 }: PatchStats): Pick<PartProof, 'relative' | 'lost'> {
  return {
    relative: base2 > 0 ? Math.sqrt(delta2 / base2) : null,
    lost: delta2 > 0 ? Math.sqrt(error2 / delta2) : 0,
  }
}

function lossFinding(title: string, stats: PatchStats, dtypes: ReadonlySet<string>): Finding | undefined {
  const { lost } = shares(stats)
  if (lost <= MUCH_LOST) return undefined
  const message = `${title}: rounding to ${[...dtypes].join(', ')} changes the weights by ${(100 * lost).toPrecision(3)} % of what the LoRAs do; a wider type (--dtype) keeps more`
  return warning('rounding-loss', message)
}

/** Half a step of binary32, as a share of the number. */
const F32_EPSILON = 2 ** -24

/**
 * No type would show this change. Layers that training has hardly touched have such: a self-attention that only ever
 * saw one token, a part whose learning rate was 0.
 */
function isNothing({ base2, delta2 }: PatchStats): boolean {
  return delta2 <= base2 * F32_EPSILON ** 2
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
