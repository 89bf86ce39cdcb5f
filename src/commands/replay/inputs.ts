/** The inputs of a recipe: those that are there, and those that are gone but can be made again from their own recipes. */
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Recipe, RecipeInput } from '../../model/metadata/recipe.ts'
import { environmentOf } from '../../operations/engine.ts'
import { existingFolder } from '../../operations/output/place.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { temporaryFolder } from '../../system/leftovers.ts'
import { quoted } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import {
  type FoundInput,
  type LostInput,
  proofFor,
  type SearchPlaces,
  searchInputs,
} from './recipe-inputs.ts'
import { recipeRunner } from './recipe-runner.ts'

/** An input that has to be made again, with what that takes. */
export interface RebuiltInput {
  readonly input: RecipeInput
  readonly recipe: Recipe
  readonly steps: readonly PlannedInput[]
}

export type PlannedInput = FoundInput | RebuiltInput

/**
 * Finds every input, or else what it can be made of. Recipes hold twelve generations at most, so this ends.
 * @throws what `findInputs` throws, of the first input that is nowhere and cannot be made again
 */
export async function planInputs(
  recipe: Recipe,
  places: SearchPlaces,
  world: World,
): Promise<PlannedInput[]> {
  const planned: PlannedInput[] = []
  for (const one of await searchInputs(recipe, places, world))
    planned.push('problem' in one ? await planRemake(one, places, world) : one)
  return planned
}

async function planRemake(
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
    throw notRemade(problem, error)
  }
}

/** The nearest input is the one to look for; what it could have been made of comes second. */
function notRemade({ code, message, exitCode }: SdtoolError, cause: SdtoolError): SdtoolError {
  return new SdtoolError(code, message, {
    exitCode,
    cause,
    hint: `Name the folder it is in with --models. It cannot be made again, either: ${cause.message}.`,
  })
}

interface RebuildContext {
  /** The output of the replay: what is made again lies beside it meanwhile. */
  readonly target: string
  readonly places: SearchPlaces
}

/** Makes again what has to be, for as long as `use` runs. */
export async function withRecipeInputs<T>(
  inputs: readonly PlannedInput[],
  remake: RebuildContext,
  world: World,
  use: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const found = inputs.flatMap((input) => ('path' in input ? [input.path] : []))
  if (found.length === inputs.length) return use(found)
  const folder = await temporaryFolder(existingFolder(dirname(resolve(remake.target))), '.sdtool')
  try {
    const paths: string[] = []
    for (const [i, input] of inputs.entries())
      paths.push(
        'path' in input ? input.path : await rebuildInput(input, join(folder.path, String(i)), remake, world),
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
  remake: RebuildContext,
  world: World,
): Promise<string> {
  const { folders } = remake.places
  folders.note(
    `${input.name} is gone: making it again (${recipe.operation} of ${recipe.inputs.map(({ name }) => name).join(', ')})`,
  )
  const path = join(folder, fileName(input))
  const { run } = await recipeRunner(recipe)
  const recipeWorld = { ...environmentOf(recipe, world), now: () => timeOf(recipe, world) }
  const { exitCode } = await withRecipeInputs(steps, { ...remake, target: path }, world, (paths) =>
    run({ paths, target: path, args: {} }, recipeWorld),
  )
  const { size } = await stat(path)
  const proof = exitCode === EXIT.ok ? await proofFor(input, path, size, world) : undefined
  if (proof !== undefined) return path
  throw new SdtoolError(
    'REPLAY_DIFFERS',
    `what ${recipe.operation} makes of the inputs of ${quoted(input.name)} is not the file that the recipe names`,
    {
      exitCode: EXIT.unverified,
      hint: 'Another version, or another processor, may have made it. Look for the file itself.',
    },
  )
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
