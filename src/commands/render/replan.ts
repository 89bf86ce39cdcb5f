/** Plans a model again from the recipe in its metadata; nothing is written. */
import type { OpenedModel } from '../../library/session.ts'
import type { Identity } from '../../model/identify/identify.ts'
import type { Recipe } from '../../model/metadata/recipe.ts'
import type { Plan } from '../../operations/plan.ts'
import { planRecipe } from '../../operations/recipe.ts'
import { plainContext } from '../../operations/run.ts'

/** An input of a recipe. */
export interface RecipeModel {
  readonly path: string
  readonly opened: OpenedModel
  readonly identity: Identity
}

const NEVER = new AbortController().signal

/** What the operation of a recipe plans for its inputs. @throws what `planRecipe` throws */
export function replanRecipe(recipe: Recipe, inputs: readonly RecipeModel[]): Promise<Plan> {
  const models = inputs.map(({ path, opened, identity }) => ({ name: path, file: opened.model, identity }))
  const opened = inputs.map((input) => input.opened)
  return planRecipe(recipe, models, plainContext(opened, { signal: NEVER }))
}
