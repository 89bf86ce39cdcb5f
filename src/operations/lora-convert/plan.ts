import { baseById } from '../../model/adapters/base.ts'
import { adapterKeys } from '../../model/adapters/describe.ts'
import { applyingFindings } from '../../model/adapters/findings.ts'
import { lookupName, modulesOf } from '../../model/adapters/keymap.ts'
import { withoutSettings } from '../../model/adapters/peft/sources.ts'
import type { TargetId } from '../../model/adapters/targets.ts'
import { rankMetadata } from '../../model/lora/metadata.ts'
import { type LoraFile, type PlacedLora, soundModules } from '../../model/lora/modules.ts'
import { NAMINGS, type NamingId } from '../../model/lora/naming/namings.ts'
import {
  type Obstacle,
  type RenamedLora,
  type RenamedModule,
  renamedLora,
} from '../../model/lora/naming/rename.ts'
import type { Architecture } from '../../model/networks/architectures/architecture.ts'
import { ARCHITECTURES, architectureById } from '../../model/networks/architectures/registry.ts'
import { refuse } from '../../system/errors.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { Plan } from '../plan.ts'
import { messages } from './messages.ts'
import type { LoraConvertOptions } from './options.ts'

export interface LoraConvertPlan extends Plan {
  readonly lora: LoraFile
  readonly architecture: Architecture
  readonly modules: readonly RenamedModule[]
  readonly split: number
  readonly fused: number
}

/**
 * @throws LORA_BASE_UNKNOWN, LORA_NO_NAME (exit 3), and what `soundModules` throws
 */
export async function planLoraConvert(
  lora: LoraFile,
  { to, network }: LoraConvertOptions,
): Promise<LoraConvertPlan> {
  const placed = await soundModules(lora)
  const mine = network === undefined ? placed : placed.filter(({ module }) => module.target === network)
  const { architecture, renamed } = await namedBy(lora, mine, to)
  checkAll(lora, renamed, to)
  const kept = network === undefined && to !== 'peft' ? keptTensors(lora) : []
  const tensors = [...kept, ...renamed.modules.flatMap(({ tensors: own }) => own)]
  return {
    table: {
      tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
      metadata: metadataOf(lora, renamed, to),
    },
    steps: [],
    findings: applyingFindings(lora.name, lora.adapter),
    lora,
    architecture,
    modules: renamed.modules,
    split: renamed.split,
    fused: renamed.fused,
  }
}

/** Whose tables of names are asked, and what they say. */
interface Named {
  readonly architecture: Architecture
  readonly renamed: RenamedLora
}

/**
 * Members of a family have the same names. Where widths are those of no published model, every family that has all of the
 * names is asked, and they have to agree.
 * @throws LORA_BASE_UNKNOWN (exit 3)
 */
async function namedBy(lora: LoraFile, placed: readonly PlacedLora[], to: NamingId): Promise<Named> {
  const { base } = lora.adapter
  const id = base.architecture ?? base.claimed
  const member = id && architectureById(baseById(id).architectures[0] ?? '')
  const asked = member ? [member] : namesakes(placed)
  const answers: Named[] = []
  for (const architecture of asked) {
    answers.push({ architecture, renamed: await renamedLora(placed, architecture, to, lora.read) })
  }
  const [first, ...others] = answers
  if (first === undefined || others.some(({ renamed }) => keysOf(renamed) !== keysOf(first.renamed))) {
    throw refuse('LORA_BASE_UNKNOWN', messages.unknownBase(lora.name), messages.seeCheck)
  }
  return first
}

function namesakes(placed: readonly PlacedLora[]): Architecture[] {
  return ARCHITECTURES.filter((architecture) =>
    placed.every(({ module: { target, path } }) => modulesOf(architecture, target).has(lookupName(path))),
  )
}

function keysOf({ modules, refused }: RenamedLora): string {
  const keys = modules.flatMap(({ tensors }) => tensors.map(({ name, shape }) => `${name} ${shape}`))
  return [...keys, ...refused.map(({ module }) => module)].sort().join('\n')
}

/** What a plain LoRA of the same effect would not meet. */
const KIND_MATTERS: ReadonlySet<Obstacle> = new Set(['not-read', 'mixes-outputs', 'not-plain'])

/** Nothing is left out. @throws LORA_NO_NAME (exit 3) */
function checkAll({ name }: LoraFile, { refused }: RenamedLora, to: NamingId): void {
  const [first] = refused
  if (first === undefined) return
  const alike = refused.filter(({ obstacle }) => obstacle === first.obstacle).map(({ module }) => module)
  const text = messages.refused(name, alike, first.obstacle, NAMINGS[to].title, first.title)
  throw refuse(
    'LORA_NO_NAME',
    text,
    KIND_MATTERS.has(first.obstacle) ? messages.resizeFirst : messages.seeCheck,
  )
}

/** What belongs to no module: embeddings that are bundled, keys nobody knows. */
function keptTensors({ table }: LoraFile): Tensor[] {
  const { modules } = adapterKeys(table)
  const taken = new Set(modules.flatMap(({ parts }) => [...parts.values()].map(({ name }) => name)))
  return [...table.tensors.values()].filter(({ name }) => !taken.has(name))
}

/** Strengths that stood in the metadata are in the tensors now; ranks are told again where they are others. */
function metadataOf(
  { table }: LoraFile,
  { modules, split, fused }: RenamedLora,
  to: NamingId,
): Record<string, string> {
  const own = withoutSettings(table.metadata)
  const ranks = modules.flatMap(({ rank }) => rank ?? [])
  if (!Object.hasOwn(own, 'ss_network_dim') || ranks.length === 0) return own
  // without an alpha, the strength of a module is that of alpha = rank
  if (NAMINGS[to].strength === 'factors') return { ...own, ...rankMetadata({ ranks }) }
  return split + fused > 0 ? { ...own, ...rankMetadata({ ranks }), ss_network_alpha: 'Dynamic' } : own
}

/** Networks that the LoRA is for, in the order of its modules. */
export function networksOf(plan: Pick<LoraConvertPlan, 'modules'>): TargetId[] {
  return [...new Set(plan.modules.map(({ target }) => target))]
}
