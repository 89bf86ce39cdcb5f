/** convert from one model file to another whose transformer has the names of its authors, or those that ComfyUI saves. */

import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { hasBothLayouts, withNativeNames } from '../../model/layouts/align.ts'
import { refuse } from '../../system/errors.ts'
import type { InputModel, Operation } from '../operation.ts'
import { changesNothing, type Plan } from '../plan.ts'
import { messages } from './messages.ts'
import { type NamesOptions, namesOptions } from './options.ts'
import { planConvert } from './plan.ts'

export const convertNames: Operation<NamesOptions> = {
  verb: 'convert',
  schema: namesOptions,
  verify: false,
  picture: 'same',
  plan: ([model], options) => planNames(model!, options),
  decided: (options) => options,
  outputName: (_, [model], { to }) => `${stemOf(basename(model!.name))}-${to}.safetensors`,
  nothing: (plan) => (changesNothing(plan) ? messages.alreadyNamed : undefined),
}

/** @throws NOT_A_PIPELINE, LAYOUT_MISFIT (exit 3), what `planConvert` throws */
function planNames(model: InputModel, { to, dtype = {} }: NamesOptions): Plan {
  if (!hasBothLayouts(model)) throw refuse('NOT_A_PIPELINE', messages.noTransformer(model.identity.title))
  const named = withNativeNames(model, to)
  const plan = planConvert(named.file, named.identity, { dtype })
  if (named === model) return plan
  const before = model.identity.components.find(({ id }) => id === 'dit')!
  const steps = plan.steps.map((step) =>
    step.component === 'dit' && step.action === 'keep'
      ? { ...step, action: 'rename' as const, why: messages.nameLookedFor, names: before.names }
      : step,
  )
  return { ...plan, steps }
}
