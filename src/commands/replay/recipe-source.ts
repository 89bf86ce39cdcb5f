/** The recipe of a model file, or of a JSON file that holds one. */
import { type Interruptible, withModel } from '../../library/session.ts'
import { parseRecipe, RECIPE_KEY, type Recipe, recipeText } from '../../model/metadata/recipe.ts'
import { readSmallFile } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import { isJsonObject, type JsonValue, parseJsonText } from '../../system/json.ts'
import { messages } from './messages.ts'

export interface RecipeSource {
  readonly recipe: Recipe
  /** The file that was made by it; undefined where there is only the recipe. */
  readonly made?: string
}

/** A recipe has at most 64 KiB; with what programs print around it, some more. */
const MAX_JSON_BYTES = 1024 * 1024

/** @throws RECIPE_NOT_FOUND (exit 3), what `withModel` throws */
export async function recipeOf(path: string, world: Interruptible): Promise<RecipeSource> {
  if (path.toLowerCase().endsWith('.json')) return { recipe: await recipeInJson(path) }
  const recipe = parseRecipe(await withModel(path, world, async ({ model }) => recipeText(model)))
  if (recipe === undefined) throw noRecipe(path)
  return { recipe, made: path }
}

/** The recipe itself, or metadata that has it, as `sdtool inspect --metadata` or another program has printed it. */
async function recipeInJson(path: string): Promise<Recipe> {
  const text = (await readSmallFile(path, MAX_JSON_BYTES))?.toString('utf8')
  if (text === undefined) throw noRecipe(path)
  const recipe = parseRecipe(text) ?? nested(parseJsonText(text))
  if (recipe === undefined) throw noRecipe(path)
  return recipe
}

function nested(value: JsonValue | undefined): Recipe | undefined {
  if (!isJsonObject(value)) return undefined
  const found = value[RECIPE_KEY]
  if (found !== undefined) return parseRecipe(typeof found === 'string' ? found : JSON.stringify(found))
  return nested(value.metadata) ?? nested(value.__metadata__)
}

function noRecipe(path: string): Error {
  return refuse('RECIPE_NOT_FOUND', messages.noRecipe(path), messages.whereRecipesAre)
}
