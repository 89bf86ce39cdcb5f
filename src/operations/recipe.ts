/** Recipes as operations do them again: whoever repeats, checks or plans one refuses the same ones, in the same words. */

import { parseRecipe, type Recipe } from '../model/metadata/recipe.ts'
import { refuse, SdtoolError } from '../system/errors.ts'
import { messages } from './messages.ts'
import type { AnyOperation, InputModel, PlanContext } from './operation.ts'
import type { Plan } from './plan.ts'
import { migrateOptions } from './recipe-v1.ts'
import { operationOf } from './registry.ts'
import { readOptions } from './schema.ts'
import { soundPlan } from './sound-plan.ts'

export interface RecipeOperation {
  readonly operation: AnyOperation
  readonly options: object
}

/**
 * The recipe in a file.
 * @param text undefined where it has none
 * @throws RECIPE_NOT_FOUND, RECIPE_UNREADABLE for one of a form that this version does not know (exit 3)
 */
export function readRecipe(path: string, text: string | undefined): Recipe {
  if (text === undefined) throw refuse('RECIPE_NOT_FOUND', messages.noRecipe(path), messages.whereRecipesAre)
  const recipe = parseRecipe(text)
  if (recipe !== undefined) return recipe
  throw refuse('RECIPE_UNREADABLE', messages.unreadableRecipe(path), messages.maybeLaterVersion)
}

/**
 * What a recipe of any version asks for. @throws RECIPE_UNKNOWN for an operation of another version,
 * RECIPE_UNREADABLE for options of one (exit 3)
 */
export function operationOfRecipe({ operation: verb, sdtool, version, options }: Recipe): RecipeOperation {
  const found = operationOf(verb)
  if (found === undefined) {
    throw refuse('RECIPE_UNKNOWN', messages.unknownRecipe(verb, sdtool), messages.maybeLaterVersion)
  }
  const current = version === 1 ? migrateOptions(verb, options) : options
  const read = readOptions(found.schema, current) as object
  return { operation: 'choose' in found ? found.choose(read) : found, options: read }
}

/**
 * What a recipe asks for, where it can be repeated as far as is known without its inputs.
 * @throws RECIPE_INVALID for none (exit 3), what `operationOfRecipe` throws
 */
export function repeatable(recipe: Recipe, inputs: readonly unknown[] = recipe.inputs): RecipeOperation {
  const found = operationOfRecipe(recipe)
  if (inputs.length === 0) throw refuse('RECIPE_INVALID', messages.recipeWithoutInputs)
  return found
}

/**
 * The same, where it can be planned without being done.
 * @throws RECIPE_UNPLANNED for what computes its values first (exit 3), what `repeatable` throws
 */
export function plannable(recipe: Recipe, inputs: readonly unknown[] = recipe.inputs): RecipeOperation {
  const found = repeatable(recipe, inputs)
  if (found.operation.compute) throw notPlanned(found.operation.verb)
  return found
}

/**
 * What the operation of a recipe plans for its inputs.
 * @throws RECIPE_INVALID for options that make no sense (exit 3), what `plannable` and `soundPlan` throw
 */
export async function planRecipe(
  recipe: Recipe,
  inputs: readonly InputModel[],
  context: PlanContext,
): Promise<Plan> {
  const { operation, options } = plannable(recipe, inputs)
  try {
    return (await soundPlan(operation, inputs, options, context)) as Plan
  } catch (error) {
    throw asOfRecipe(error)
  }
}

function notPlanned(verb: string): SdtoolError {
  return refuse('RECIPE_UNPLANNED', messages.nothingToDraw(verb), messages.replayInstead)
}

/** Wrong usage becomes an invalid recipe: whoever repeats one has not written these options. */
export function asOfRecipe(error: unknown): unknown {
  if (!(error instanceof SdtoolError) || error.code !== 'USAGE') return error
  return refuse('RECIPE_INVALID', messages.unrepeatable(error.message))
}
