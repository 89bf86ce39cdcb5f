/** LoRAs and other adapters into the weights of a model. */

import { baseById } from '../../model/adapters/base.ts'
import { type BasePart, baseParts } from '../../model/adapters/base-parts.ts'
import { applyingFindings } from '../../model/adapters/findings.ts'
import { blocksOfPart } from '../../model/adapters/module-blocks.ts'
import { info, warning } from '../../model/finding.ts'
import { areOtherExperts } from '../../model/identify/named-member.ts'
import { trainingFindings } from '../../model/identify/same-prediction.ts'
import type { Identity } from '../../model/identity.ts'
import type { Model } from '../../model/model.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { compareBlocks } from '../../model/networks/blocks.ts'
import { tensorsOf } from '../../model/networks/components.ts'
import { type SdtoolError, unverified, withFileName } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { checkHasTensors, checkWritable, type Plan } from '../plan.ts'
import { applyLora, type PatchedBase } from './apply.ts'
import { checkBlocks } from './block-ratios.ts'
import { familiesLeftOpen } from './families.ts'
import { messages } from './messages.ts'
import type { EmaCopy, Patches } from './patches.ts'
import type { LoraInput, MergeLoraPlanOptions } from './plan-options.ts'
import { type LoraReport, reportOf } from './report.ts'
import type { LoraResult, UsedPatterns } from './select.ts'
import { sideOf, sideOfPart } from './sides.ts'
import { checkBase, checkMergeable, problemOf, unmatchedFindings } from './strict.ts'
import { type PlannedPatch, patchedTable } from './table.ts'

export interface MergeLoraPlan extends Plan {
  readonly loras: readonly LoraReport[]
  /** What is done to each changed tensor, by its name. */
  readonly patches: ReadonlyMap<string, PlannedPatch>
  /** Why the plan must not be written, the first adapter's reason first; empty if nothing speaks against it. */
  readonly problems: readonly SdtoolError[]
  /** What the names of modules were compared with. */
  readonly parts: readonly BasePart[]
}

/**
 * Plans a model with adapters merged into it, in the order they are given. Adapters that add something to a weight
 * (LoRA, LoHa, LoKr, differences) give the same in any order; DoRA, IA3, GLoRA, OFT, BOFT and replaced weights act on
 * what those before them made. What does not fit is in `problems`, so that it can be shown together.
 * @throws SdtoolError (exit 3) BASE_NOT_A_MODEL, NO_TENSORS, TENSOR_NOT_CONVERTIBLE, SCALED_FP8,
 *   NOT_PATCHABLE, LORA_UNSUPPORTED, BAD_ADAPTER_NUMBER, PEFT_CONFIG, PEFT_PATTERN; (exit 2) BLOCK_UNKNOWN, BLOCK_WITHOUT_RATIO;
 *   (exit 4) COMPONENT_NOT_FOUND, EMA_MISSING, PATTERN_UNUSED
 */
export async function planMergeLora(
  base: Model,
  loras: readonly LoraInput[],
  options: MergeLoraPlanOptions,
): Promise<MergeLoraPlan> {
  const used: UsedPatterns = new Set()
  const plan = await planWith(base, loras, options, used)
  checkPatterns(options, used)
  return plan
}

/**
 * What one of the adapters of a plan does by itself. Patterns may be for others of them.
 * @throws what `planMergeLora` throws
 */
export function planAlone(
  base: Model,
  lora: LoraInput,
  options: MergeLoraPlanOptions,
): Promise<MergeLoraPlan> {
  return planWith(base, [lora], options, new Set())
}

async function planWith(
  base: Model,
  loras: readonly LoraInput[],
  options: MergeLoraPlanOptions,
  used: UsedPatterns,
): Promise<MergeLoraPlan> {
  const { identity, name } = base
  checkInputs(base, loras)
  const patchedBase = baseOf(base, options)
  checkBlocksOf(patchedBase, loras)
  const patches: Patches = new Map()
  const results: LoraResult[] = []
  for (const [index, lora] of loras.entries()) {
    results.push(await applyLora(patchedBase, patches, lora, index, options, used))
  }
  const { plan, planned } = inBase(name, () => patchedTable(base, patches, options))
  const allowed = options.allowUnmatched === true
  const problems = results.flatMap((result) => problemOf(result, identity, allowed) ?? [])
  // layers that are stored in another way are the likely reason
  if (problems.length > 0)
    for (const { component } of patchedBase.parts)
      checkOperation('merge-lora', tensorsOf(base.file, component), shared.componentIn(name, component.title))
  const findings = [
    ...findingsOf(results, identity, problems.length > 0),
    ...results.flatMap((result) => trainedFindings(result, base)),
    ...twiceFindings(loras),
    ...emaCopyFindings(patches, base, options),
    ...plan.findings,
  ]
  const reports = results.map((result) => reportOf(result, identity))
  return { ...plan, findings, loras: reports, patches: planned, problems, parts: patchedBase.parts }
}

function checkInputs({ name, file, identity }: Model, loras: readonly LoraInput[]): void {
  checkBase(name, file, identity)
  for (const lora of loras) checkMergeable(lora)
  inBase(name, () => {
    checkHasTensors(file)
    checkWritable(file)
  })
}

/** Errors of code that knows no file names. */
function inBase<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw withFileName(name, error)
  }
}

function baseOf({ file, identity, name }: Model, { ema }: MergeLoraPlanOptions): PatchedBase {
  const architecture = identity.architecture && architectureById(identity.architecture.id)
  const emaCopy = ema === 'patch' ? emaCopyOf(name, identity) : undefined
  const parts = baseParts(file, identity)
  const blocks = new Map(parts.map((part) => [part, blocksOfPart(part, architecture)]))
  return {
    table: file,
    parts,
    blockOf: (part, key) => blocks.get(part)!(key),
    isUnknown: architecture === undefined,
    emaCopy,
  }
}

/** @throws EMA_MISSING (exit 4) */
function emaCopyOf(name: string, { ema, components }: Identity): EmaCopy {
  const component = components.find(({ id }) => id === 'unet_ema')
  if (component === undefined || ema === undefined || ema.pairs.size === 0)
    throw unverified('EMA_MISSING', messages.emaMissing(name), messages.leaveOutEmaPatch)
  return { component, keys: ema.pairs }
}

/** @throws BLOCK_UNKNOWN (exit 2) */
function checkBlocksOf({ parts, blockOf }: PatchedBase, loras: readonly LoraInput[]): void {
  const given = loras.flatMap(({ blocks }) => blocks ?? [])
  if (given.length === 0) return
  const known = parts.flatMap((part) => {
    const side = sideOfPart(part)
    return part.component.names.map((key) => ({ block: blockOf(part, key), side }))
  })
  for (const blocks of given) checkBlocks(blocks, known)
}

/** @throws PATTERN_UNUSED (exit 4) */
function checkPatterns({ include = [], exclude = [] }: MergeLoraPlanOptions, used: UsedPatterns): void {
  const unused = [...include, ...exclude].find((pattern) => !used.has(pattern))
  if (unused === undefined) return
  throw unverified('PATTERN_UNUSED', messages.patternUnused(unused.text), messages.patternHint)
}

function findingsOf(results: readonly LoraResult[], identity: Identity, isProblem: boolean): Finding[] {
  return results.flatMap((result) => {
    const { name, adapter } = result.input
    const embeddings =
      adapter.embeddings.length === 0
        ? []
        : [info('lora-embeddings', messages.embeddingsStay(name, adapter.embeddings))]
    return [
      ...expertFindings(result, identity),
      ...familyFindings(result, identity),
      ...unmatchedFindings(result, identity, isProblem ? 'error' : 'warning'),
      ...applyingFindings(name, adapter),
      ...embeddings,
      ...filledFindings(result),
    ]
  })
}

/** A LoRA for high noise in the network for low noise, as far as names say. */
function expertFindings({ input: { name, adapter } }: LoraResult, { architecture }: Identity): Finding[] {
  const [mine, base] = [adapter.base.expert, architecture?.named]
  if (mine === undefined || base === undefined || !areOtherExperts(mine, base)) return []
  return [warning('lora-other-expert', messages.otherExpert(name, mine.title, base.title))]
}

/** That nobody but its author knows whether a LoRA is for this base. */
function familyFindings(result: LoraResult, identity: Identity): Finding[] {
  const families = familiesLeftOpen(result, identity)
  if (families === undefined) return []
  const { name, adapter } = result.input
  const usual = adapter.base.architecture && baseById(adapter.base.architecture).title
  return [warning('lora-family-unsure', messages.familyUnsure(name, families, usual))]
}

/** Text encoders have no part in it. */
function trainedFindings({ input: { name, adapter }, matched }: LoraResult, base: Model): Finding[] {
  const { prediction } = adapter.base
  if (prediction === undefined || !matched.some(({ module }) => sideOf(module.target) === 'unet')) return []
  return trainingFindings({ name, prediction }, base)
}

function filledFindings({ input: { name, blocks }, filled }: LoraResult): Finding[] {
  if (filled.size === 0) return []
  const labels = [...filled].sort(compareBlocks)
  return [info('blocks-filled', messages.blocksFilled(name, blocks!.list!, labels))]
}

/** Both of them count, which a slip of the hand may not have meant. */
function twiceFindings(loras: readonly LoraInput[]): Finding[] {
  const names = loras.map(({ name }) => name)
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  return [...twice].map((name) => warning('lora-twice', messages.namedTwice(name)))
}

/** Weights whose EMA copy is not there, so that it stays behind. */
function emaCopyFindings(
  patches: Patches,
  { identity: { ema } }: Model,
  options: MergeLoraPlanOptions,
): Finding[] {
  if (options.ema !== 'patch' || ema === undefined) return []
  const without = ema.uncovered.filter((key) => (patches.get(key)?.by.length ?? 0) > 0)
  if (without.length === 0) return []
  return [warning('ema-partial', messages.emaPartial(without))]
}
