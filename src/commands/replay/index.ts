/** Rebuilds a file from the recipe in its metadata. */
import { basename, extname } from 'node:path'
import { resolveModel } from '../../library/resolve.ts'
import { stemOf } from '../../model/file-name.ts'
import type { Recipe } from '../../model/metadata/recipe.ts'
import { engineOf, environmentOf, recipeEngine } from '../../operations/engine.ts'
import { outputPlaces } from '../../operations/output/place.ts'
import { namedFile } from '../../operations/run.ts'
import { envelope, type JsonError, printResults } from '../../report/document/envelope.ts'
import { errorJson, errorText } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { painter } from '../../report/text/text.ts'
import { checkOutput } from '../../system/atomic.ts'
import { EXIT, type ExitCode, SdtoolError, unverified, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { WritingOptions } from '../shared/options.ts'
import { namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { type PlannedInput, planInputs, withRecipeInputs } from './inputs.ts'
import { messages } from './messages.ts'
import { type Repeated, recipeRunner } from './recipe-runner.ts'
import { type RecipeSource, recipeOf } from './recipe-source.ts'
import { autoV3Of, type Sameness, sameModels } from './same-model.ts'
import type { ReplayInput, ReplayResult } from './schema.ts'

export const replayCommand: Command = {
  positionals: '[file]',
  get examples() {
    return [
      ['$0 replay mix.safetensors --models ~/models', messages.exampleFile],
      ['$0 replay recipe.json -o mix.safetensors', messages.exampleRecipe],
      ['$0 replay mix.safetensors --dry-run', messages.exampleDryRun],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('file', {
        type: 'string',
        describe: messages.fileArgument,
      })
      .epilogue(messages.epilogue),
  run: runReplay,
}

async function runReplay(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...rest] = [args.file, ...namedFiles(args)].filter((file) => file !== undefined).map(String)
  if (name === undefined || rest.length > 0) throw usage(messages.nameOneFile, messages.exampleHint)
  const output = outputOptions(args)
  const folders = modelFolders(args, world)
  const path = await resolveModel(name, 'any', folders)
  const source = await recipeOf(path, world)
  const { recipe } = source
  const recipeWorld = environmentOf(recipe, world)
  const { endings } = await recipeRunner(recipe)
  const places = { path, folders }
  const inputs = await planInputs(recipe, places, world)
  const target = await targetOf(path, output.output, endings)
  // a file compared with itself is always the same
  const made = source.made === undefined ? [] : [{ path: source.made, size: 0 }]
  await checkOutput(target, { force: output.force, bytes: 0, inputs: made })
  const replay = { path, source, inputs, target }
  const shows = !output.json && !output.quiet
  if (shows) world.stdout.write(headOf(replay, world))
  if (output.dryRun && inputs.some((input) => 'steps' in input))
    return ended(replay, undefined, undefined, output, world)
  return withRecipeInputs(inputs, { target, places }, world, async (paths) => {
    const { run } = await recipeRunner(recipe)
    const repeated = await run({ paths, target, args }, recipeWorld)
    if (shows) world.stdout.write(repeated.page)
    if (repeated.exitCode !== EXIT.ok) return failed(replay, repeated, output, world)
    if (output.dryRun) return ended(replay, undefined, repeated, output, world)
    return ended(replay, await sameness(source, target, world), repeated, output, recipeWorld)
  })
}

/** @throws USAGE (exit 2) where `-o` names another format than that of the output */
async function targetOf(
  path: string,
  output: string | undefined,
  endings: readonly string[],
): Promise<string> {
  const name = replayedName(path, endings)
  const file = namedFile(path)
  return (await outputPlaces({ files: [file], walked: false }, output, endings))(file, name)
}

/** `mix-replayed.safetensors`; a torch file where that is what is made. */
function replayedName(path: string, endings: readonly string[]): string {
  const own = extname(path)
  const ending = endings.includes(own.toLowerCase()) ? own : endings[0]
  return `${stemOf(basename(path).replace(/\.json$/i, ''))}-replayed${ending}`
}

/** Without a file to compare with, only the hash of the new one. */
async function sameness({ made }: RecipeSource, target: string, world: World): Promise<Partial<Sameness>> {
  if (made !== undefined) return sameModels(made, target, world)
  return extname(target) === '.safetensors' ? { autoV3: await autoV3Of(target, world.signal) } : {}
}

interface Replay {
  readonly path: string
  readonly source: RecipeSource
  readonly inputs: readonly PlannedInput[]
  readonly target: string
}

function headOf({ path, source: { recipe }, inputs }: Replay, world: World): string {
  const paint = painter(world.stdout, world.env)
  const table = formatTable(
    [{ head: messages.input }, { head: messages.matchedBy }, { head: messages.found }],
    inputs.flatMap((input) => inputRows(input, 0)),
  )
  const name = paint('bold', printable(path, 300))
  const head = messages.head(name, recipe.operation, printable(recipe.sdtool, 40), recipe.produced)
  return `${head}\n${table}\n`
}

/** Below a missing input stands what it will be rebuilt from. */
function inputRows(planned: PlannedInput, depth: number): string[][] {
  const name = '  '.repeat(depth) + printable(planned.input.name, 80)
  if ('path' in planned) return [[name, planned.by, printable(planned.path, 200)]]
  const { operation } = planned.recipe
  return [
    [name, '', messages.missingRebuilt(operation)],
    ...planned.steps.flatMap((step) => inputRows(step, depth + 1)),
  ]
}

function inputJson(planned: PlannedInput): ReplayInput {
  const { name } = planned.input
  if ('path' in planned) return { name, path: planned.path, by: planned.by, madeAgain: null }
  return {
    name,
    path: null,
    by: null,
    madeAgain: { operation: planned.recipe.operation, inputs: planned.steps.map(inputJson) },
  }
}

interface ReplayEnd {
  readonly replay: Replay
  readonly found?: Partial<Sameness> | undefined
  readonly repeated?: Repeated | undefined
  readonly error?: JsonError
}

function resultJson({ replay, found, repeated, error }: ReplayEnd): ReplayResult {
  const { path, source, inputs, target } = replay
  return {
    path,
    operation: source.recipe.operation,
    inputs: inputs.map(inputJson),
    result: repeated?.result ?? null,
    autoV3: found?.autoV3 ?? null,
    identical: found?.same ?? null,
    output: target,
    error: error ?? null,
  }
}

/** Prints the outcome. */
async function ended(
  replay: Replay,
  found: Partial<Sameness> | undefined,
  repeated: Repeated | undefined,
  output: WritingOptions,
  world: World,
): Promise<ExitCode> {
  const { path, source, target } = replay
  const { dryRun, verbose } = output
  const identical = found?.same ?? null
  const results = [resultJson({ replay, found, repeated })]
  const page = () => (found === undefined ? '' : `  ${verdict(identical, found.autoV3)}\n`)
  printResults(envelope('replay', { results, dryRun }, world), page, output, world)
  if (identical !== false) return EXIT.ok
  const { name } = await engineOf(world)
  world.stderr.write(errorText(differs(path, target, source.recipe, name, world), verbose))
  return EXIT.unverified
}

/** Why the operation could not be repeated is on stderr already. */
function failed(replay: Replay, repeated: Repeated, output: WritingOptions, world: World): ExitCode {
  const { operation } = replay.source.recipe
  const error = new SdtoolError('REPLAY_FAILED', messages.exitCode(operation, repeated.exitCode))
  const results = [resultJson({ replay, repeated, error: repeated.error ?? errorJson(error) })]
  printResults(envelope('replay', { results, dryRun: output.dryRun }, world), () => '', output, world)
  return repeated.exitCode
}

function differs(path: string, target: string, recipe: Recipe, engine: string, world: World): Error {
  const first = recipeEngine(recipe)
  const hint =
    first === undefined
      ? messages.seeDiff(recipe.sdtool, world.version)
      : messages.seeDiffAndEngine(recipe.sdtool, world.version, printable(first, 60), engine)
  return unverified('REPLAY_DIFFERS', messages.differs(target, path), hint)
}

function verdict(identical: boolean | null, autoV3: string | undefined): string {
  const hash = autoV3?.slice(0, 12)
  if (hash === undefined) {
    if (identical === null) return messages.nothingToCompare
    return identical ? messages.identical : messages.notIdentical
  }
  if (identical === null) return messages.nothingToCompareHash(hash)
  return identical ? messages.identicalWithHash(hash) : messages.notIdenticalWithHash(hash)
}
