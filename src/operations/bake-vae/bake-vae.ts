/** A checkpoint and a VAE, or another checkpoint that has one, into a checkpoint with that VAE. */

import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { unverified, usage } from '../../system/errors.ts'
import { sameValues } from '../../tensor/values/same.ts'
import type { InputModel, Operation, PlanContext } from '../operation.ts'
import { mergedName } from '../output/name.ts'
import { latentsByValues } from '../vae-values.ts'
import { coverage, overflow } from './findings.ts'
import { messages } from './messages.ts'
import { bakeVaeOptions } from './options.ts'
import { type BakeOptions, type BakePlan, planBakeVae } from './plan.ts'

export const bakeVae: Operation<BakeOptions, BakePlan> = {
  verb: 'bake-vae',
  schema: bakeVaeOptions,
  verify: true,
  picture: 'other',
  async plan(inputs, options, context) {
    if (inputs.length !== 2) throw wrongCount()
    const [base, given] = inputs as [InputModel, InputModel]
    const vae = { ...withoutFolder(given), ...(await latentsByValues(given, context)) }
    const plan = planBakeVae(withoutFolder(base), vae, options)
    await checkChanges(plan, [base, given], context)
    const found = [coverage(plan), ...(await overflow(plan, base, given, context))]
    return { ...plan, findings: [...plan.findings, ...found] }
  },
  decided: (options) => options,
  outputName: (plan, [base, vae]) => mergedName(basename(base!.name), [vaeInName(vae!.name)], plan),
}

export function wrongCount(): Error {
  return usage(messages.wrongCount, messages.wrongCountHint)
}

/** Its plans say where each tensor came from: the names of the files are enough. */
function withoutFolder(model: InputModel): InputModel {
  return { ...model, name: basename(model.name) }
}

/** `vivid.vae.pt` -> `vivid-vae`: a name that ends in `.vae` would make UIs take the checkpoint for a VAE. */
function vaeInName(path: string): string {
  const stem = stemOf(basename(path)).replace(/\.vae$/i, '')
  return /vae/i.test(stem) ? stem : `${stem}-vae`
}

/** Refuses to write a copy. @throws NOTHING_CHANGED (exit 4) */
async function checkChanges(
  { baked }: BakePlan,
  [base, vae]: readonly [InputModel, InputModel],
  { read }: PlanContext,
): Promise<void> {
  for (const { before, after } of baked) {
    if (before === undefined || !(await sameValues(before, after, read))) return
  }
  throw unverified('NOTHING_CHANGED', messages.sameVae(base.name, vae.name))
}
