/** What a file says of how it was made, and, where that is wanted, whether it is true. */
import { dirname, extname, join, resolve } from 'node:path'
import { EXIT, SdtoolError } from '../errors.ts'
import type { ModelFolders } from '../library/resolve.ts'
import { counted } from '../model/finding.ts'
import { parseRecipe, type Recipe, recipeText } from '../model/recipe.ts'
import { recipeEngine, worldOf } from '../operations/engine.ts'
import { existingFolder } from '../operations/output/place.ts'
import { temporaryFolder } from '../system/leftovers.ts'
import type { Io } from '../system/world.ts'
import type { ModelFile } from '../tensor/table.ts'
import { printable } from '../tensor/text.ts'
import { planInputs, withInputs } from './replay-inputs.ts'
import { repeatable } from './replay-recipe.ts'
import { differingTensors } from './same-model.ts'
import type { Check } from './verify-check.ts'

export interface RecipeJob {
  readonly path: string
  readonly model: ModelFile
  readonly folders: ModelFolders
  readonly quiet: boolean
  /** Do it again, and compare every tensor. */
  readonly deep: boolean
}

export async function recipeCheck(job: RecipeJob, io: Io): Promise<Check> {
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
    return await replayed(job, recipe, said, io)
  } catch (error) {
    io.signal.throwIfAborted()
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
  { path, folders, quiet }: RecipeJob,
  recipe: Recipe,
  said: string,
  io: Io,
): Promise<Check> {
  const { again } = await repeatable(recipe)
  const places = { path, folders, quiet }
  const inputs = await planInputs(recipe, places, io)
  const folder = await temporaryFolder(existingFolder(dirname(resolve(path))), '.sdtool')
  try {
    const target = join(folder.path, `again${extname(path)}`)
    const world = worldOf(recipe, io)
    const { exitCode } = await withInputs(inputs, { target, places }, io, (paths) =>
      again({ paths, target, args: { quiet } }, world),
    )
    if (exitCode !== EXIT.ok)
      throw new SdtoolError('REPLAY_FAILED', `${recipe.operation} ended with exit code ${exitCode}`)
    return verdict(await differingTensors(path, target, io), recipe, said, io)
  } finally {
    await folder.remove()
  }
}

function verdict(
  { names, tensors }: { readonly names: readonly string[]; readonly tensors: number },
  recipe: Recipe,
  said: string,
  io: Io,
): Check {
  if (names.length === 0)
    return {
      check: 'recipe',
      result: 'ok',
      detail: `all ${tensors} tensors are those of ${said}, made again`,
    }
  const { sdtool } = recipe
  const other =
    sdtool === io.version ? '' : `; it was made by sdtool ${printable(sdtool, 40)}, this is ${io.version}`
  const engine = recipeEngine(recipe) !== undefined ? '; on another processor the last bits may differ' : ''
  const detail = `${counted(names, 'tensor')} of ${tensors} ${names.length === 1 ? 'is' : 'are'} not what the recipe makes: ${said}${other}${engine}`
  return { check: 'recipe', result: 'failed', detail }
}
