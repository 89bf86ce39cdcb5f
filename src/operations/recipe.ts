/** Recipes as operations do them again. */

import type { Recipe } from '../model/metadata/recipe.ts'
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
 * What a recipe of any version asks for. @throws RECIPE_UNKNOWN for an operation of another version,
 * RECIPE_UNREADABLE for options of one (exit 3)
 */
export function operationOfRecipe({ operation: verb, sdtool, version, options }: Recipe): RecipeOperation {
  const found = operationOf(verb)
  if (found === undefined) {
    throw refuse('RECIPE_UNKNOWN', messages.unknownRecipe(verb, sdtool), messages.compareInstead)
  }
  const current = version === 1 ? migrateOptions(verb, options) : options
  const read = readOptions(found.schema, current) as object
  return { operation: 'choose' in found ? found.choose(read) : found, options: read }
}

/**
 * What the operation of a recipe plans for its inputs.
 * @throws RECIPE_UNPLANNED for what computes its values first, RECIPE_INVALID for options that make no sense (exit 3),
 *   what `operationOfRecipe` and `soundPlan` throw
 */
export async function planRecipe(
  recipe: Recipe,
  inputs: readonly InputModel[],
  context: PlanContext,
): Promise<Plan> {
  const { operation, options } = operationOfRecipe(recipe)
  if (operation.compute) throw notPlanned(operation.verb)
  checkInputs(inputs)
  try {
    return (await soundPlan(operation, inputs, options, context)) as Plan
  } catch (error) {
    throw asOfRecipe(error)
  }
}

function notPlanned(verb: string): SdtoolError {
  return refuse('RECIPE_UNPLANNED', messages.nothingToDraw(verb), messages.replayInstead)
}

/** @throws RECIPE_INVALID for none */
export function checkInputs(inputs: readonly unknown[]): void {
  if (inputs.length === 0) throw refuse('RECIPE_INVALID', messages.recipeWithoutInputs)
}

/** Wrong usage becomes an invalid recipe: whoever repeats one has not written these options. */
export function asOfRecipe(error: unknown): unknown {
  if (!(error instanceof SdtoolError) || error.code !== 'USAGE') return error
  return refuse('RECIPE_INVALID', messages.unrepeatable(error.message))
}
