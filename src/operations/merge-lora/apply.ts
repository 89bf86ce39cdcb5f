/** One adapter, applied as far as it fits. */

import type { Numbers } from '../../model/adapters/algorithm.ts'
import { adapterKeys } from '../../model/adapters/describe.ts'
import type { AdapterKeys, AdapterModule } from '../../model/adapters/modules.ts'
import { readNumbers } from '../../model/adapters/numbers.ts'
import { withSettings } from '../../model/adapters/peft/steer.ts'
import { surplusRoles } from '../../model/adapters/registry.ts'
import { modulePlaceOf } from '../../model/adapters/targets.ts'
import { withFileName } from '../../system/errors.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import { applyModule, type EmaCopy, type Patches } from './patches.ts'
import type { LoraInput, MergeLoraPlanOptions } from './plan-options.ts'
import {
  isSelected,
  type LoraResult,
  type PlacedModule,
  type PlacingBase,
  selectModules,
  type Unmatched,
  type UsedPatterns,
} from './select.ts'
import { sideOf } from './sides.ts'
import { checkNamed } from './strict.ts'
import { messages } from './unmatched-messages.ts'

/** The base as adapters see it. */
export interface PatchedBase extends PlacingBase {
  readonly table: TensorTable
  readonly emaCopy: EmaCopy | undefined
}

/**
 * Puts the modules of an adapter on top of `patches`, which it changes.
 * @param index which adapter it is, in the order they were named
 * @throws LORA_UNSUPPORTED, BAD_ADAPTER_NUMBER, PEFT_CONFIG, PEFT_PATTERN (exit 3), BLOCK_WITHOUT_RATIO (exit 2)
 */
export async function applyLora(
  base: PatchedBase,
  patches: Patches,
  input: LoraInput,
  index: number,
  options: MergeLoraPlanOptions,
  used: UsedPatterns,
): Promise<LoraResult> {
  const keys = adapterKeys(input.table)
  checkNamed(keys.modules, input.name)
  const { placed, unmatched, leftOut, filled } = selectModules(keys.modules, base, input, options, used)
  const numbersOf = await numbersFor(placed, input)
  const matched: PlacedModule[] = []
  const failed: Unmatched[] = []
  const layers = new Set<string>()
  for (const one of placed) {
    const numbers = numbersOf(one.module)
    const own = layersOf(one)
    const objection = own.some((layer) => layers.has(layer))
      ? ({ reason: 'same-layer' } as const)
      : isOff(one.module, numbers)
        ? ({ reason: 'alpha-zero' } as const)
        : applyModule(patches, base.table, one, numbers, index, base.emaCopy)
    for (const layer of own) layers.add(layer)
    if (objection === undefined) matched.push(one)
    else failed.push({ name: one.module.name, target: one.module.target, placed: one, ...objection })
  }
  const broken = brokenParts(keys).filter(({ name, target }) =>
    isSelected([name], sideOf(target), input.ratio, options, used),
  )
  return { input, matched, unmatched: [...unmatched, ...failed, ...broken], leftOut, filled }
}

/** What it changes: a weight, rows of one, or several. */
function layersOf({ place, pieces = [place] }: PlacedModule): string[] {
  return pieces.map(({ weight, rows }) => `${weight} ${rows?.start ?? ''}`)
}

async function numbersFor(
  placed: readonly PlacedModule[],
  { name, adapter, read }: LoraInput,
): Promise<(module: AdapterModule) => Numbers> {
  const modules = placed.map(({ module }) => module)
  try {
    const own = await readNumbers(modules, read)
    const all = new Map(
      modules.map((module) => [module, withSettings(module, own.get(module.name)!, adapter.settings)]),
    )
    return (module) => all.get(module)!
  } catch (error) {
    throw withFileName(name, error)
  }
}

/** alpha / rank is 0, and nothing else would change the weight. */
function isOff({ algorithm, parts }: AdapterModule, numbers: Numbers): boolean {
  const isScaled = algorithm.rank?.(parts) !== undefined && !parts.has('scale')
  const scale = numbers.get('scale')?.[0] ?? numbers.get('alpha')?.[0]
  return isScaled && scale === 0 && !parts.has('dora_scale') && !parts.has('magnitude')
}

/** What of the file makes no module, or no use of it. */
function brokenParts({ modules, incomplete, strays }: AdapterKeys): Unmatched[] {
  const stray = (name: string): Unmatched => ({ name, target: 'other', reason: 'stray' })
  return [
    ...incomplete.map(({ name, roles }): Unmatched => {
      return {
        name,
        target: modulePlaceOf(name).target,
        reason: 'incomplete',
        detail: messages.onlyRoles(roles),
      }
    }),
    ...strays.map(({ name }) => stray(name)),
    ...modules.flatMap(({ name, algorithm, parts }) => {
      return surplusRoles(algorithm, parts).map((role) => stray(parts.get(role)?.name ?? name))
    }),
  ]
}
