/** Plans a model again from the recipe in its metadata. A new operation is a line here. */
import { refuse, SdtoolError } from '../errors.ts'
import type { Identity } from '../model/identify.ts'
import type { Plan } from '../model/plan.ts'
import type { Recipe } from '../model/recipe.ts'
import { printable, quoted } from '../tensor/text.ts'
import type { Arguments } from './command.ts'
import type { OpenedModel } from './files.ts'

export interface ReplayInput {
  readonly path: string
  readonly opened: OpenedModel
  readonly identity: Identity
}

/**
 * What a command would plan for the inputs of a recipe.
 * @param options those of the recipe, which are called as those of the command line are
 */
export type Replay = (inputs: readonly ReplayInput[], options: Arguments) => Promise<Plan> | Plan

const REPLAYS: Readonly<Record<string, () => Promise<Replay>>> = {
  convert: async () => (await import('./convert.ts')).replayConvert,
  prune: async () => (await import('./prune.ts')).replayPrune,
  'merge-lora': async () => (await import('./merge-lora.ts')).replayMergeLora,
}

/** Inputs that a recipe must have. */
const MIN_INPUTS = 1

/**
 * @throws RECIPE_UNKNOWN for an operation of another version, RECIPE_INVALID for options that make no sense (exit 3),
 *   and what the planner of the operation throws
 */
export async function replayRecipe(recipe: Recipe, inputs: readonly ReplayInput[]): Promise<Plan> {
  const { operation, sdtool, options } = recipe
  const load = Object.hasOwn(REPLAYS, operation) ? REPLAYS[operation] : undefined
  if (load === undefined) {
    throw refuse(
      'RECIPE_UNKNOWN',
      `the recipe is of ${quoted(operation)} of sdtool ${printable(sdtool, 20)}, which cannot be repeated`,
      `It can be for ${Object.keys(REPLAYS).join(', ')}. For others, render with --compare.`,
    )
  }
  if (inputs.length < MIN_INPUTS) throw refuse('RECIPE_INVALID', 'the recipe has no inputs')
  const replay = await load()
  try {
    return await replay(inputs, options)
  } catch (error) {
    // the person at the command line has not written these options
    if (!(error instanceof SdtoolError) || error.code !== 'USAGE') throw error
    throw refuse('RECIPE_INVALID', `the recipe cannot be repeated: ${error.message}`)
  }
}
