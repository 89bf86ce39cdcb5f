/** From options as recipes have them to those of the planner, and the numbers that were used where none were given. */

import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import { MERGE_METHODS, mergeMethod } from '../../tensor/merge/registry.ts'
import { readValues } from '../../tensor/values/expr.ts'
import type { InputModel, PlanContext } from '../operation.ts'
import { latentsByValues } from '../vae-values.ts'
import { messages } from './messages.ts'
import type { MergeOptions } from './options.ts'
import { type CheckpointMergePlan, planMerge } from './plan.ts'
import { alphasOf, type CheckpointMergeOptions, letterOf } from './plan-options.ts'
import { rangeOf } from './similarity.ts'
import { blockWeights, keyWeight } from './weight-text.ts'

/** The inputs that are merged: all but the file that the VAE is taken from. */
export function mergedModels(inputs: readonly InputModel[], { vae }: MergeOptions): readonly InputModel[] {
  return vae === 'file' ? inputs.slice(0, -1) : inputs
}

export function methodOf({ method }: MergeOptions): MergeMethod {
  return method === undefined ? MERGE_METHODS[0]! : mergeMethod(method)
}

/**
 * What the planner takes, but for whose VAE it is, which depends on the models.
 * @throws USAGE (exit 2)
 */
export function plannerOptions(options: MergeOptions): CheckpointMergeOptions {
  const { blocks = [], betaBlocks = [], keys = [], vae, method: _, ...plain } = options
  const method = methodOf(options)
  checkNumbers(options, method)
  const [alphaWeights, betaWeights] = [
    blockWeights(blocks, '--blocks'),
    blockWeights(betaBlocks, '--blocks-beta'),
  ]
  return {
    ...plain,
    method: method.id,
    keys: keys.map(keyWeight),
    ...(alphaWeights && { blocks: alphaWeights }),
    ...(betaWeights && { betaBlocks: betaWeights }),
    ...(vae === 'blend' && { vae }),
  }
}

/** Numbers that the method does not take would be ignored silently. @throws USAGE (exit 2) */
function checkNumbers(options: MergeOptions, method: MergeMethod): void {
  const { beta, density, seed, betaBlocks = [] } = options
  const refused = (name: string) => usage(messages.noSuchNumber(method.id, name))
  if (method.beta === undefined && (beta !== undefined || betaBlocks.length > 0)) throw refused('beta')
  if (method.density === undefined && density !== undefined) throw refused('density')
  if (method.seeded !== true && seed !== undefined) throw refused('seed')
  if (density !== undefined && !(density > 0 && density <= 1)) throw usage(messages.densityRange(density))
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 32))
    throw usage(messages.seedRange(seed))
}

/** Some methods look at all models before they merge any tensor. @throws what `planMerge` throws, USAGE (exit 2) */
export async function planWhole(
  inputs: readonly InputModel[],
  options: MergeOptions,
  context: PlanContext,
): Promise<CheckpointMergePlan> {
  const models = await withLatents(mergedModels(inputs, options), context)
  const vae = await chosenVae(inputs, options, context)
  const planner = { ...plannerOptions(options), ...defined({ vae }) }
  const planWith = (more: Pick<CheckpointMergeOptions, 'range'>) =>
    planMerge(models, { ...planner, ...more }, (tensor) => readValues(tensor, context.read))
  const plan = await planWith({})
  if (context.rehearsal || methodOf(options).similarities === undefined) return plan
  const range = await rangeWithProgress(plan, planner.method, context)
  return range === undefined ? plan : planWith({ range })
}

/** VAEs in files of their own, with what their values tell: the shapes of those for SD 1.x and SDXL are the same. */
async function withLatents(models: readonly InputModel[], context: PlanContext): Promise<InputModel[]> {
  const known: InputModel[] = []
  for (const model of models) {
    const isVae = model.identity.kind === 'vae' || model.identity.kind === 'taesd'
    const found = isVae ? await latentsByValues(model, context) : {}
    known.push({ ...model, identity: { ...model.identity, ...found } })
  }
  return known
}

async function rangeWithProgress(
  plan: CheckpointMergePlan,
  method: string,
  { read, signal, progress }: PlanContext,
): Promise<readonly [low: number, high: number] | undefined> {
  const shown = progress?.(messages.comparing)
  try {
    return await rangeOf(plan, method, read, (done, all) => {
      signal.throwIfAborted()
      shown?.update(done, all)
    })
  } finally {
    shown?.end()
  }
}

/** @throws USAGE (exit 2) for the letter of a model that is not there */
async function chosenVae(
  inputs: readonly InputModel[],
  { vae }: MergeOptions,
  context: PlanContext,
): Promise<CheckpointMergeOptions['vae']> {
  if (vae === undefined || vae === 'blend') return vae
  if (vae !== 'file') return vae.charCodeAt(0) - 'a'.charCodeAt(0)
  const file = inputs.at(-1)!
  return { ...file, ...(await latentsByValues(file, context)) }
}

/**
 * With the numbers that were used where none were given: another version may have others.
 * @throws what `alphasOf` throws
 */
export function decidedOptions(options: MergeOptions, models: number): MergeOptions {
  const method = methodOf(options)
  const { beta = method.beta, density = method.density, seed = method.seeded ? 0 : undefined } = options
  return {
    ...options,
    method: method.id,
    alpha: [...alphasOf(method, models, options.alpha)],
    ...defined({ beta, density, seed }),
  }
}

/** `a`, `b` .. for the VAE of one of so many models, `blend`; undefined for the name of a file. */
export function vaeOfModels(text: string, models: number): MergeOptions['vae'] {
  if (text === 'blend') return text
  const letters = Array.from({ length: models }, (_, i) => letterOf(i).toLowerCase())
  return letters.find((letter) => letter === text.toLowerCase())
}
