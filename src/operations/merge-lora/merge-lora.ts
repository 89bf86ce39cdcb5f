import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { refuse, usage } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import { checkNames } from '../lora/lora-file.ts'
import type { InputModel, Operation } from '../operation.ts'
import { mergedName } from '../output/name.ts'
import { blockRatios } from './block-text.ts'
import { assertLoraHasEffect } from './effect.ts'
import { messages as written } from './lora-text-messages.ts'
import { messages } from './messages.ts'
import { nearestFindings } from './nearest-names.ts'
import { type MergeLoraOptions, mergeLoraOptions } from './options.ts'
import { type MergeLoraPlan, planMergeLora } from './plan.ts'
import {
  checkRatios,
  type LoraInput,
  type LoraRatio,
  type MergeLoraPlanOptions,
  type NamePattern,
} from './plan-options.ts'
import { checkProof, type PartProof, proofOf } from './proof.ts'

/** LoRAs and other adapters into the weights of a model. */
export const mergeLora: Operation<MergeLoraOptions, MergeLoraPlan, PartProof> = {
  verb: 'merge-lora',
  schema: mergeLoraOptions,
  verify: 'patched',
  picture: 'other',
  multiplies: () => true,
  plan(inputs, options, { read }) {
    const [base] = inputs
    return planMergeLora(base!, loraInputs(inputs, options, read), patternsCompiled(options))
  },
  decided: (options) => options,
  outputName(plan, [base, ...loras], options) {
    const names = loras.map(({ name }, i) => nameInOutput(name, options.loras[i]!.ratio))
    return mergedName(basename(base!.name), names, plan)
  },
  problem(plan) {
    const [error] = plan.problems
    return error && { error, findings: nearestFindings(plan) }
  },
  /** Of a single one, the figures of the whole merge say whether it does anything. */
  async confirm(_plan, inputs, options, context) {
    if (inputs.length > 2) await assertEffects(inputs, options, context)
  },
  prover: (plan) => ({
    prove: (counts) => proofOf(plan, counts),
    check: (counts) => checkProof(plan, counts),
  }),
}

/**
 * Refuses inputs of `mergeLora` that would do nothing.
 * @throws LORA_CHANGES_NOTHING (exit 4), NOT_A_LORA (exit 3), USAGE (exit 2), and what `blockRatios` throws
 */
export async function assertEffects(
  inputs: readonly InputModel[],
  options: MergeLoraOptions,
  { read, signal }: { readonly read: ReadInto; readonly signal: AbortSignal },
): Promise<void> {
  const compiled = patternsCompiled(options)
  for (const lora of loraInputs(inputs, options, read))
    await assertLoraHasEffect(inputs[0]!, lora, compiled, { read, signal })
}

/** @throws USAGE (exit 2); NOT_A_LORA (exit 3) */
function loraInputs(
  [, ...models]: readonly InputModel[],
  { loras }: MergeLoraOptions,
  read: ReadInto,
): LoraInput[] {
  if (loras.length !== models.length)
    throw usage(messages.wrongRatioCount(loras.length, models.length), messages.oneRatioEach)
  if (loras.length === 0) throw usage(written.noLora, written.baseThenLoras)
  checkRatios(loras.map(({ ratio }) => ratio))
  return models.map((model, i) => loraInput(model, loras[i]!, read))
}

function loraInput(
  { name, file, identity }: InputModel,
  { ratio, blocks }: MergeLoraOptions['loras'][number],
  read: ReadInto,
): LoraInput {
  const { title, adapter } = identity
  checkNames(name, identity)
  if (adapter === undefined) throw refuse('NOT_A_LORA', messages.notLora(name, title), messages.baseFirst)
  return {
    name,
    table: file,
    adapter,
    ratio,
    ...(blocks !== undefined && { blocks: blockRatios(blocks, messages.blocksOf(name)) }),
    read: (tensor) => readValues(tensor, read),
  }
}

function patternsCompiled({
  loras: _,
  include,
  exclude,
  ...options
}: MergeLoraOptions): MergeLoraPlanOptions {
  return { ...options, include: patterns('include', include), exclude: patterns('exclude', exclude) }
}

function patterns(option: 'include' | 'exclude', texts: readonly string[] = []): NamePattern[] {
  return texts.map((text) => ({ text: `--${option} ${text}`, matches: globMatcher(text) }))
}

/** `style`, `style-0.7`, with a ratio of its own for the text encoders `style-0.7-te0.5`. */
function nameInOutput(name: string, { unet, text }: LoraRatio): string {
  const ratio = unet === 1 && text === 1 ? '' : `-${unet}`
  return stemOf(basename(name)) + ratio + (text === unet ? '' : `-te${text}`)
}
