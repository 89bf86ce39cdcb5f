/** Does again what made a file, from the recipe in its metadata. */
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
import { EXIT, type ExitCode, SdtoolError, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import type { WritingOptions } from '../shared/options.ts'
import { namedFiles, outputOptions, withOutputOptions } from '../shared/options.ts'
import { type PlannedInput, planInputs, withRecipeInputs } from './inputs.ts'
import { type Repeated, recipeRunner } from './recipe-runner.ts'
import { type RecipeSource, recipeOf } from './recipe-source.ts'
import { autoV3Of, type Sameness, sameModels } from './same-model.ts'
import type { ReplayInput, ReplayResult } from './schema.ts'

export const replayCommand: Command = {
  positionals: '[file]',
  examples: [
    ['$0 replay mix.safetensors --models ~/models', 'Make it again, and say whether it is the same'],
    ['$0 replay recipe.json -o mix.safetensors', 'From a recipe alone'],
    ['$0 replay mix.safetensors --dry-run', 'Whether the inputs are there, and what would be done'],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs))
      .positional('file', {
        type: 'string',
        describe: 'File that sdtool has written, or a JSON file with its recipe',
      })
      .epilogue(
        'An input that is gone is made again first, where its own recipe stands in that of the file and its inputs are there.',
      ),
  run: runReplay,
}

async function runReplay(args: Arguments, world: World): Promise<ExitCode> {
  const [name, ...rest] = [args.file, ...namedFiles(args)].filter((file) => file !== undefined).map(String)
  if (name === undefined || rest.length > 0) throw usage('name one file', 'sdtool replay mix.safetensors')
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
  // a file that is held against itself is always the same
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

/** @throws USAGE where `-o` says another format than that of what is made */
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

/** Without a file to compare with, only what the new one is. */
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
    [{ head: 'input' }, { head: 'the same by' }, { head: 'found' }],
    inputs.flatMap((input) => inputRows(input, 0)),
  )
  const head = `${paint('bold', printable(path, 300))}: ${recipe.operation} of sdtool ${printable(recipe.sdtool, 40)}, ${recipe.produced}`
  return `${head}\n${table}\n`
}

/** What an input that is gone will be made of stands below it. */
function inputRows(planned: PlannedInput, depth: number): string[][] {
  const name = '  '.repeat(depth) + printable(planned.input.name, 80)
  if ('path' in planned) return [[name, planned.by, printable(planned.path, 200)]]
  const { operation } = planned.recipe
  return [
    [name, '', `gone; made again: ${operation}`],
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

interface Came {
  readonly replay: Replay
  readonly found?: Partial<Sameness> | undefined
  readonly repeated?: Repeated | undefined
  readonly error?: JsonError
}

function resultJson({ replay, found, repeated, error }: Came): ReplayResult {
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

/** Says what came of it. */
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

/** What keeps the operation from being done again is on stderr already. */
function failed(replay: Replay, repeated: Repeated, output: WritingOptions, world: World): ExitCode {
  const { operation } = replay.source.recipe
  const error = new SdtoolError('REPLAY_FAILED', `${operation} ended with exit code ${repeated.exitCode}`)
  const results = [resultJson({ replay, repeated, error: repeated.error ?? errorJson(error) })]
  printResults(envelope('replay', { results, dryRun: output.dryRun }, world), () => '', output, world)
  return repeated.exitCode
}

function differs(path: string, target: string, recipe: Recipe, engine: string, world: World): Error {
  const first = recipeEngine(recipe)
  const computed =
    first !== undefined
      ? ` Its products were computed by ${printable(first, 60)}, these by ${engine}: on another processor, or by another version, the last bits may differ.`
      : ''
  return new SdtoolError('REPLAY_DIFFERS', `${target} is not the same as ${path}: its tensors differ`, {
    exitCode: EXIT.unverified,
    hint: `sdtool diff shows where. The file was made by sdtool ${recipe.sdtool}, this is ${world.version}.${computed}`,
  })
}

function verdict(identical: boolean | null, autoV3: string | undefined): string {
  const hash = autoV3 === undefined ? '' : `AutoV3 ${autoV3.slice(0, 12)}`
  if (identical === null)
    return [hash, 'there is no file to compare it with'].filter((part) => part !== '').join('; ')
  const words = identical ? 'identical: every tensor is the same' : 'not identical'
  return hash === '' ? words : identical ? `${words}, ${hash}` : `${words}: ${hash}`
}
