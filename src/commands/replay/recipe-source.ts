/** The recipe of a model file, or of a JSON file that holds one. */
import { type Interruptible, withModel } from '../../library/session.ts'
import { RECIPE_KEY, type Recipe, recipeText } from '../../model/metadata/recipe.ts'
import { readRecipe } from '../../operations/recipe.ts'
import { readSmallFile } from '../../system/bytes.ts'
import { isJsonObject, type JsonValue, parseJsonText } from '../../system/json.ts'

export interface RecipeSource {
  readonly recipe: Recipe
  /** The file that was made by it; undefined where there is only the recipe. */
  readonly made?: string
}

/** A recipe has at most 64 KiB; with what programs print around it, some more. */
const MAX_JSON_BYTES = 1024 * 1024

/** @throws what `readRecipe` and `withModel` throw */
export async function recipeOf(path: string, world: Interruptible): Promise<RecipeSource> {
  if (path.toLowerCase().endsWith('.json')) return { recipe: await recipeInJson(path) }
  const text = await withModel(path, world, async ({ model }) => recipeText(model))
  return { recipe: readRecipe(path, text), made: path }
}

/** The recipe itself, or metadata that has it, as `sdtool inspect --metadata` or another program has printed it. */
async function recipeInJson(path: string): Promise<Recipe> {
  const text = (await readSmallFile(path, MAX_JSON_BYTES))?.toString('utf8')
  const value = parseJsonText(text)
  const isRecipe = isJsonObject(value) && typeof value.operation === 'string'
  return readRecipe(path, isRecipe ? text : nested(value))
}

function nested(value: JsonValue | undefined): string | undefined {
  if (!isJsonObject(value)) return undefined
  const found = value[RECIPE_KEY]
  if (found !== undefined) return typeof found === 'string' ? found : JSON.stringify(found)
  return nested(value.metadata) ?? nested(value.__metadata__)
}
