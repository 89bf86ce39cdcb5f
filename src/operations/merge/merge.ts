/** Checkpoints into one, by a method of the registry. */
import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { declaredIdentity } from '../../model/identify/same-prediction.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import type { Operation } from '../operation.ts'
import { mergedName } from '../output/name.ts'
import type { PartChange } from '../output/patch-proof.ts'
import { decidedOptions, mergedModels, methodOf, planWhole } from './from-options.ts'
import { type MergeOptions, mergeOptions } from './options.ts'
import type { CheckpointMergePlan } from './plan.ts'
import { checkMerge, checkReplaced, mergeProof } from './proof.ts'
import { checkKept } from './unchecked.ts'

export const merge: Operation<MergeOptions, CheckpointMergePlan, PartChange> = {
  verb: 'merge',
  schema: mergeOptions,
  verify: 'patched',
  picture: 'other',
  plan: planWhole,
  decided: (options, _, inputs) => decidedOptions(options, mergedModels(inputs, options).length),
  outputName(plan, inputs, options) {
    const [first, ...others] = mergedModels(inputs, options).map(({ name }) => basename(name))
    const method = methodOf(options) === MERGE_METHODS[0] ? [] : [methodOf(options).id]
    const numbers = options.blocks?.length ? ['mbw'] : (options.alpha ?? []).map(String)
    return mergedName(first!, [...others.map(stemOf), ...method, ...numbers], plan)
  },
  stated(inputs, options) {
    const models = mergedModels(inputs, options)
    // all predict the same, and one of them may know what the others only assume
    return options.only === 'text' || options.allowMixed ? models[0]!.identity : declaredIdentity(models)
  },
  async confirm(plan, _inputs, _options, { read }) {
    await checkKept(plan.kept, read)
    await checkReplaced(plan, read)
  },
  prover: (plan) => ({
    prove: (counts) => mergeProof(plan, counts),
    check: (counts) => checkMerge(plan, counts),
  }),
}
