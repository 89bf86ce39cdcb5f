/** Repeats a recipe by its operation. */
import type { Recipe } from '../../model/metadata/recipe.ts'
import { WRITTEN_ENDINGS } from '../../operations/output/place.ts'
import { asOfRecipe, type RecipeOperation, repeatable } from '../../operations/recipe.ts'
import { namedFile, type Outcome, runOperation } from '../../operations/run.ts'
import type { JsonError } from '../../report/document/envelope.ts'
import { errorJson, errorText } from '../../report/terminal/error.ts'
import type { ExitCode } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { commonOptions, flag, type WritingOptions } from '../shared/options.ts'
import { worstExitCode } from '../shared/run-for-each.ts'
import { outcomePages } from '../shared/transform-report.ts'
import { outcomeViewOf } from '../shared/views.ts'

export interface ReplayRequest {
  /** Of the inputs, in the order of the recipe. */
  readonly paths: readonly string[]
  readonly target: string
  /** Options of `replay` itself: `force`, `dryRun`, `verify` ... */
  readonly args: Arguments
}

/** The outcome of a repeated recipe. */
export interface Repeated {
  readonly exitCode: ExitCode
  /** The page. */
  readonly page: string
  /** The same for programs: the result in the document of the operation. */
  readonly result?: Readonly<Record<string, unknown>>
  /** Why it failed, where that is known. */
  readonly error?: JsonError
}

export interface RecipeRunner {
  /** What the name of its output may end in, the usual one first. */
  readonly endings: readonly string[]
  /** Prints nothing but progress and errors. */
  run(again: ReplayRequest, world: World): Promise<Repeated>
}

/** @throws what `repeatable` throws */
export async function recipeRunner(recipe: Recipe): Promise<RecipeRunner> {
  const found = repeatable(recipe)
  const endings = found.operation.form?.(found.options)?.endings ?? WRITTEN_ENDINGS
  return { endings, run: (again, world) => runRecipe(recipe, found, again, world) }
}

async function runRecipe(
  recipe: Recipe,
  { operation, options }: RecipeOperation,
  { paths, target, args }: ReplayRequest,
  world: World,
): Promise<Repeated> {
  const [first, ...others] = paths as [string, ...string[]]
  const output = outputOf(args, recipe, operation.verify)
  const run = { operation, options, first: namedFile(first), others, place: () => target, output }
  const outcome: Outcome = await runOperation(run, world).catch((error: unknown) => {
    throw asOfRecipe(error)
  })
  if (outcome.error !== undefined) world.stderr.write(errorText(outcome.error, output.verbose))
  const view = outcomeViewOf(operation.verb)
  return {
    exitCode: worstExitCode([outcome]),
    page: outcomePages([outcome], output, world, view),
    result: { ...view.json(outcome) },
    ...(outcome.error !== undefined && { error: errorJson(outcome.error) }),
  }
}

function outputOf(args: Arguments, recipe: Recipe, verify: WritingOptions['verify']): WritingOptions {
  return {
    ...commonOptions(args),
    force: flag(args, 'force'),
    dryRun: flag(args, 'dryRun'),
    verify: typeof args.verify === 'boolean' ? args.verify : verify,
    hash: hashes(args, recipe),
    sidecars: flag(args, 'sidecars'),
  }
}

/** Whether large inputs are hashed in full. */
function hashes(args: Arguments, { inputs }: Recipe): boolean {
  return args.hash === true || inputs.every(({ sha256 }) => sha256 !== undefined)
}
