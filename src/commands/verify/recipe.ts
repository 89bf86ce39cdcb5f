/** What a file says of how it was made, and, where that is wanted, whether it is true. */
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

export interface RecipeJob {
  readonly path: string
  readonly model: ModelFile
  readonly folders: ModelFolders
  /** Do it again, and compare every tensor. */
  readonly deep: boolean
}

export async function recipeCheck(job: RecipeJob, world: World): Promise<Check> {
  const text = recipeText(job.model)
  if (text === undefined) return { check: 'recipe', result: 'unknown', detail: 'it has none' }
  const recipe = parseRecipe(text)
  if (recipe === undefined) return { check: 'recipe', result: 'failed', detail: 'it cannot be read' }
  const said = `${printable(recipe.operation, 40)} of ${namesOf(recipe)} by sdtool ${printable(recipe.sdtool, 40)}`
  if (!job.deep)
    return {
      check: 'recipe',
      result: 'unchecked',
      detail: `the file says: ${said}; --deep holds its tensors against that`,
    }
  try {
    return await replayed(job, recipe, said, world)
  } catch (error) {
    world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    const detail = `the file says: ${said}; that cannot be done again: ${error.message}`
    return { check: 'recipe', result: 'unchecked', detail }
  }
}

function namesOf({ inputs }: Recipe): string {
  return inputs.map(({ name }) => printable(name, 80)).join(', ')
}

/** Makes the file again, beside it, for as long as it takes to compare them. */
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
      throw new SdtoolError('REPLAY_FAILED', `${recipe.operation} ended with exit code ${exitCode}`)
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
    return {
      check: 'recipe',
      result: 'ok',
      detail: `all ${tensors} tensors are those of ${said}, made again`,
    }
  const { sdtool } = recipe
  const other =
    sdtool === world.version
      ? ''
      : `; it was made by sdtool ${printable(sdtool, 40)}, this is ${world.version}`
  const engine = recipeEngine(recipe) !== undefined ? '; on another processor the last bits may differ' : ''
  const detail = `${counted(names, 'tensor')} of ${tensors} ${names.length === 1 ? 'is' : 'are'} not what the recipe makes: ${said}${other}${engine}`
  return { check: 'recipe', result: 'failed', detail }
}
