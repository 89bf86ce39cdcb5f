/** A denoising network, text encoders and a VAE into one file that programs load whole. */

import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { refuse } from '../../system/errors.ts'
import type { InputModel, Operation, PlanContext } from '../operation.ts'
import type { Plan } from '../plan.ts'
import { latentsByValues } from '../vae-values.ts'
import { messages } from './messages.ts'
import { type JoinOptions, joinOptions } from './options.ts'
import type { JoinInput } from './parts.ts'
import { planJoin } from './plan.ts'

export const join: Operation<JoinOptions> = {
  verb: 'join',
  schema: joinOptions,
  verify: true,
  picture: 'other',
  plan: planned,
  decided: (options) => options,
  outputName: (_, [model]) => `${stemOf(basename(model!.name))}-joined.safetensors`,
}

/** @throws RECIPE_INVALID (exit 3), what `planJoin` throws */
async function planned(
  [base, ...others]: readonly InputModel[],
  { parts, dtype }: JoinOptions,
  context: PlanContext,
): Promise<Plan> {
  if (parts.length !== others.length) throw refuse('RECIPE_INVALID', messages.inputsWithoutParts)
  const inputs = await Promise.all(
    others.map(async (model, i): Promise<JoinInput> => {
      const part = parts[i]!
      const values = part === 'vae' ? await latentsByValues(model, context) : {}
      return { model: { ...withoutFolder(model), ...values }, part }
    }),
  )
  return planJoin(withoutFolder(base!), inputs, dtype)
}

/** Its plans say where each tensor came from: the names of the files are enough. */
function withoutFolder(model: InputModel): InputModel {
  return { ...model, name: basename(model.name) }
}
