/** The inputs of a recipe: those that were found, and missing ones that can be rebuilt from their own recipes. */
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Recipe, RecipeInput } from '../../model/metadata/recipe.ts'
import { environmentOf } from '../../operations/engine.ts'
import { existingFolder } from '../../operations/output/place.ts'
import { EXIT, SdtoolError, unverified } from '../../system/errors.ts'
import { temporaryFolder } from '../../system/leftovers.ts'
import { quoted } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { messages } from './messages.ts'
import {
  type FoundInput,
  type LostInput,
  proofFor,
  type SearchPlaces,
  searchInputs,
} from './recipe-inputs.ts'
import { recipeRunner } from './recipe-runner.ts'

/** A missing input, with what it is rebuilt from. */
export interface RebuiltInput {
  readonly input: RecipeInput
  readonly recipe: Recipe
  readonly steps: readonly PlannedInput[]
}

export type PlannedInput = FoundInput | RebuiltInput

/**
 * Finds every input, or else what it can be rebuilt from. Recipes hold at most twelve generations, so this ends.
 * @throws what `findInputs` throws for the first input that was not found and cannot be rebuilt
 */
export async function planInputs(
  recipe: Recipe,
  places: SearchPlaces,
  world: World,
): Promise<PlannedInput[]> {
  const planned: PlannedInput[] = []
  for (const one of await searchInputs(recipe, places, world))
    planned.push('problem' in one ? await planRebuild(one, places, world) : one)
  return planned
}

async function planRebuild(
  { input, problem }: LostInput,
  places: SearchPlaces,
  world: World,
): Promise<RebuiltInput> {
  const { recipe } = input
  if (recipe === undefined) throw problem
  try {
    await recipeRunner(recipe)
    const steps = await planInputs(recipe, { ...places, of: quoted(input.name) }, world)
    return { input, recipe, steps }
  } catch (error) {
    if (!(error instanceof SdtoolError)) throw error
    throw notRebuilt(problem, error)
  }
}

/** The input itself is the one to look for; what it could be rebuilt from comes second. */
function notRebuilt({ code, message, exitCode }: SdtoolError, cause: SdtoolError): SdtoolError {
  return new SdtoolError(code, message, {
    exitCode,
    cause,
    hint: messages.notRebuilt(cause.message),
  })
}

interface RebuildContext {
  /** The output of the replay: rebuilt inputs are kept next to it meanwhile. */
  readonly target: string
  readonly places: SearchPlaces
}

/** Rebuilds missing inputs, for as long as `use` runs. @throws REPLAY_DIFFERS (exit 4), and what repeating a recipe throws */
export async function withRecipeInputs<T>(
  inputs: readonly PlannedInput[],
  context: RebuildContext,
  world: World,
  use: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const found = inputs.flatMap((input) => ('path' in input ? [input.path] : []))
  if (found.length === inputs.length) return use(found)
  const folder = await temporaryFolder(existingFolder(dirname(resolve(context.target))), '.sdtool')
  try {
    const paths: string[] = []
    for (const [i, input] of inputs.entries())
      paths.push(
        'path' in input
          ? input.path
          : await rebuildInput(input, join(folder.path, String(i)), context, world),
      )
    return await use(paths)
  } finally {
    await folder.remove()
  }
}

/** @throws REPLAY_DIFFERS (exit 4) where what was made is not what the recipe says */
async function rebuildInput(
  { input, recipe, steps }: RebuiltInput,
  folder: string,
  context: RebuildContext,
  world: World,
): Promise<string> {
  const { folders } = context.places
  const names = recipe.inputs.map(({ name }) => name).join(', ')
  folders.note(messages.rebuilding(input.name, recipe.operation, names))
  const path = join(folder, fileName(input))
  const { run } = await recipeRunner(recipe)
  const recipeWorld = { ...environmentOf(recipe, world), now: () => timeOf(recipe, world) }
  const { exitCode } = await withRecipeInputs(steps, { ...context, target: path }, world, (paths) =>
    run({ paths, target: path, args: {} }, recipeWorld),
  )
  const { size } = await stat(path)
  const proof = exitCode === EXIT.ok ? await proofFor(input, path, size, world) : undefined
  if (proof !== undefined) return path
  const message = messages.rebuiltDiffers(recipe.operation, quoted(input.name))
  throw unverified('REPLAY_DIFFERS', message, messages.findOriginal)
}

/** Recipes come with files of strangers: a name must not lead out of the folder. */
function fileName({ name }: RecipeInput): string {
  const last = name.split(/[/\\]/).at(-1)!
  return last === '' || last === '.' || last === '..' ? 'input.safetensors' : last
}

/** With the time it was first made, even its metadata are the same. */
function timeOf({ produced }: Recipe, world: World): Date {
  const time = new Date(produced)
  return Number.isNaN(time.getTime()) ? world.now() : time
}
