/** Plans a model again from the recipe in its metadata; nothing is written. */
import { refuse, SdtoolError } from '../errors.ts'
import type { OpenedModel } from '../library/session.ts'
import type { Identity } from '../model/identify.ts'
import type { Plan } from '../model/plan.ts'
import type { Recipe } from '../model/recipe.ts'
import { planRecipe } from '../operations/recipe.ts'
import { operationOf } from '../operations/registry.ts'
import { plainContext } from '../operations/run.ts'
import { printable, quoted } from '../tensor/text.ts'
import { COMMANDS } from './registry.ts'

/** An input of a recipe. */
export interface RecipeModel {
  readonly path: string
  readonly opened: OpenedModel
  readonly identity: Identity
}

function planAgain(recipe: Recipe, inputs: readonly RecipeModel[]): Promise<Plan> {
  const models = inputs.map(({ path, opened, identity }) => ({ name: path, file: opened.model, identity }))
  const context = plainContext(
    inputs.map(({ opened }) => opened),
    { signal: NEVER },
  )
  return planRecipe(recipe, models, context)
}

const NEVER = new AbortController().signal

/**
 * What the command of a recipe plans for its inputs.
 * @throws RECIPE_UNKNOWN for an operation of another version, RECIPE_UNPLANNED, RECIPE_UNREADABLE, RECIPE_INVALID for options that make no
 *   sense (exit 3), and what the planner of the operation throws
 */
export async function replanRecipe(recipe: Recipe, inputs: readonly RecipeModel[]): Promise<Plan> {
  const { operation, sdtool, options } = recipe
  if (operationOf(operation) !== undefined) return planAgain(recipe, inputs)
  const command = await COMMANDS.find(({ name }) => name === operation)?.load()
  if (command?.replay !== undefined && command.replan === undefined) {
    throw refuse(
      'RECIPE_UNPLANNED',
      `the recipe is of ${operation}, which makes no model that could be drawn`,
      'sdtool replay makes the file again, and says whether it is the same.',
    )
  }
  if (command?.replay === undefined || command.replan === undefined) {
    throw refuse(
      'RECIPE_UNKNOWN',
      `the recipe is of ${quoted(operation)} of sdtool ${printable(sdtool, 20)}, which cannot be repeated`,
      'To hold the file against another one, use render --compare.',
    )
  }
  if (inputs.length === 0) throw refuse('RECIPE_INVALID', 'the recipe has no inputs')
  const args = command.replay(
    options,
    inputs.map(({ path }) => path),
  )
  try {
    return await command.replan(inputs, args)
  } catch (error) {
    // the person at the command line has not written these options
    if (!(error instanceof SdtoolError) || error.code !== 'USAGE') throw error
    throw refuse('RECIPE_INVALID', `the recipe cannot be repeated: ${error.message}`)
  }
}
