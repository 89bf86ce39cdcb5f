/** What a file says about how it was made, and with `--deep` whether that is true. */
import { dirname, extname, join, resolve } from 'node:path'
import type { ModelFolders } from '../../library/resolve.ts'
import { counted } from '../../model/finding.ts'
import { parseRecipe, type Recipe, recipeText } from '../../model/metadata/recipe.ts'
import { environmentOf, recipeEngine } from '../../operations/engine.ts'
import { existingFolder } from '../../operations/output/place.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { temporaryFolder } from '../../system/leftovers.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { ModelFile } from '../../tensor/values/table.ts'
import { planInputs, withRecipeInputs } from '../replay/inputs.ts'
import { recipeRunner } from '../replay/recipe-runner.ts'
import { differingTensors } from '../replay/same-model.ts'
import type { Check } from './check.ts'
import { messages } from './messages.ts'

export interface RecipeJob {
  readonly path: string
  readonly model: ModelFile
  readonly folders: ModelFolders
  /** Repeat it, and compare every tensor. */
  readonly deep: boolean
}

/** @throws the reason of the signal; that a recipe cannot be repeated is a result */
export async function recipeCheck(job: RecipeJob, world: World): Promise<Check> {
  const text = recipeText(job.model)
  if (text === undefined) return { check: 'recipe', result: 'unknown', detail: messages.noRecipe }
  const recipe = parseRecipe(text)
  if (recipe === undefined) return { check: 'recipe', result: 'failed', detail: messages.unreadableRecipe }
  const said = messages.recipe(printable(recipe.operation, 40), namesOf(recipe), printable(recipe.sdtool, 40))
  if (!job.deep) return { check: 'recipe', result: 'unchecked', detail: messages.uncheckedRecipe(said) }
  try {
    return await replayed(job, recipe, said, world)
  } catch (error) {
    world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { check: 'recipe', result: 'unchecked', detail: messages.unrepeatableRecipe(said, error.message) }
  }
}

function namesOf({ inputs }: Recipe): string {
  return inputs.map(({ name }) => printable(name, 80)).join(', ')
}

/** Rebuilds the file in a temporary folder next to it, and compares them. */
async function replayed(
  { path, folders }: RecipeJob,
  recipe: Recipe,
  said: string,
  world: World,
): Promise<Check> {
  const { run } = await recipeRunner(recipe)
  const places = { path, folders }
  const inputs = await planInputs(recipe, places, world)
  const folder = await temporaryFolder(existingFolder(dirname(resolve(path))), '.sdtool')
  try {
    const target = join(folder.path, `again${extname(path)}`)
    const recipeWorld = environmentOf(recipe, world)
    const { exitCode } = await withRecipeInputs(inputs, { target, places }, world, (paths) =>
      run({ paths, target, args: {} }, recipeWorld),
    )
    if (exitCode !== EXIT.ok)
      throw new SdtoolError('REPLAY_FAILED', messages.exitCode(recipe.operation, exitCode))
    return verdict(await differingTensors(path, target, world), recipe, said, world)
  } finally {
    await folder.remove()
  }
}

function verdict(
  { names, tensors }: { readonly names: readonly string[]; readonly tensors: number },
  recipe: Recipe,
  said: string,
  world: World,
): Check {
  if (names.length === 0)
    return { check: 'recipe', result: 'ok', detail: messages.sameAsRecipe(tensors, said) }
  const { sdtool } = recipe
  const differing = messages.otherThanRecipe(counted(names, 'tensor'), names.length === 1, tensors, said)
  const dated =
    sdtool === world.version
      ? differing
      : messages.otherVersion(differing, printable(sdtool, 40), world.version)
  const detail = recipeEngine(recipe) === undefined ? dated : messages.otherProcessor(dated)
  return { check: 'recipe', result: 'failed', detail }
}
