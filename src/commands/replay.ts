/** Does again what made a file, from the recipe in its metadata. */
import { basename, extname } from 'node:path'
import { EXIT, type ExitCode, SdtoolError, usage } from '../errors.ts'
import { resolveModel } from '../library/resolve.ts'
import { stemOf } from '../model/output-name.ts'
import type { Recipe } from '../model/recipe.ts'
import { engineOf, recipeEngine, worldOf } from '../operations/engine.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { outputPlaces } from '../operations/output/place.ts'
import { namedFile } from '../operations/run.ts'
import { envelope, type JsonError, printResults } from '../report/envelope.ts'
import { errorJson, errorText } from '../report/error.ts'
import { formatTable } from '../report/table.ts'
import { painter } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { checkOutput } from '../tensor/atomic.ts'
import { printable } from '../tensor/text.ts'
import type { Arguments, Command } from './command.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { namedFiles, outputOptions, withOutputOptions } from './options.ts'
import { type RecipeSource, recipeOf } from './recipe-source.ts'
import { type PlannedInput, planInputs, withInputs } from './replay-inputs.ts'
import { type Repeated, repeatable } from './replay-recipe.ts'
import type { ReplayInput, ReplayResult } from './replay-schema.ts'
import { autoV3Of, type Sameness, sameModels } from './same-model.ts'

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

async function runReplay(args: Arguments, io: Io): Promise<ExitCode> {
  const [name, ...rest] = [args.file, ...namedFiles(args)].filter((file) => file !== undefined).map(String)
  if (name === undefined || rest.length > 0) throw usage('name one file', 'sdtool replay mix.safetensors')
  const output = outputOptions(args)
  const folders = modelFolders(args, io)
  const path = await resolveModel(name, 'any', folders)
  const source = await recipeOf(path, io)
  const { recipe } = source
  const world = worldOf(recipe, io)
  const { endings } = await repeatable(recipe)
  const places = { path, folders, quiet: output.quiet || output.json }
  const inputs = await planInputs(recipe, places, io)
  const target = await targetOf(path, output.output, endings)
  // a file that is held against itself is always the same
  const made = source.made === undefined ? [] : [{ path: source.made, size: 0 }]
  await checkOutput(target, { force: output.force, bytes: 0, inputs: made })
  const replay = { path, source, inputs, target }
  const shows = !output.json && !output.quiet
  if (shows) io.stdout.write(headOf(replay, io))
  if (output.dryRun && inputs.some((input) => 'steps' in input))
    return ended(replay, undefined, undefined, output, io)
  return withInputs(inputs, { target, places }, io, async (paths) => {
    const { again } = await repeatable(recipe)
    const repeated = await again({ paths, target, args }, world)
    if (shows) io.stdout.write(repeated.page)
    if (repeated.exitCode !== EXIT.ok) return failed(replay, repeated, output, io)
    if (output.dryRun) return ended(replay, undefined, repeated, output, io)
    return ended(replay, await sameness(source, target, io), repeated, output, world)
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
async function sameness({ made }: RecipeSource, target: string, io: Io): Promise<Partial<Sameness>> {
  if (made !== undefined) return sameModels(made, target, io)
  return extname(target) === '.safetensors' ? { autoV3: await autoV3Of(target, io.signal) } : {}
}

interface Replay {
  readonly path: string
  readonly source: RecipeSource
  readonly inputs: readonly PlannedInput[]
  readonly target: string
}

function headOf({ path, source: { recipe }, inputs }: Replay, io: Io): string {
  const paint = painter(io.stdout, io.env)
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
  output: OutputOptions,
  io: Io,
): Promise<ExitCode> {
  const { path, source, target } = replay
  const { dryRun, verbose } = output
  const identical = found?.same ?? null
  const results = [resultJson({ replay, found, repeated })]
  const page = () => (found === undefined ? '' : `  ${verdict(identical, found.autoV3)}\n`)
  printResults(envelope('replay', { results, dryRun }, io), page, output, io)
  if (identical !== false) return EXIT.ok
  const { name } = await engineOf(io)
  io.stderr.write(errorText(differs(path, target, source.recipe, name, io), verbose))
  return EXIT.unverified
}

/** What keeps the operation from being done again is on stderr already. */
function failed(replay: Replay, repeated: Repeated, output: OutputOptions, io: Io): ExitCode {
  const { operation } = replay.source.recipe
  const error = new SdtoolError('REPLAY_FAILED', `${operation} ended with exit code ${repeated.exitCode}`)
  const results = [resultJson({ replay, repeated, error: repeated.error ?? errorJson(error) })]
  printResults(envelope('replay', { results, dryRun: output.dryRun }, io), () => '', output, io)
  return repeated.exitCode
}

function differs(path: string, target: string, recipe: Recipe, engine: string, io: Io): Error {
  const first = recipeEngine(recipe)
  const computed =
    first !== undefined
      ? ` Its products were computed by ${printable(first, 60)}, these by ${engine}: on another processor, or by another version, the last bits may differ.`
      : ''
  return new SdtoolError('REPLAY_DIFFERS', `${target} is not the same as ${path}: its tensors differ`, {
    exitCode: EXIT.unverified,
    hint: `sdtool diff shows where. The file was made by sdtool ${recipe.sdtool}, this is ${io.version}.${computed}`,
  })
}

function verdict(identical: boolean | null, autoV3: string | undefined): string {
  const hash = autoV3 === undefined ? '' : `AutoV3 ${autoV3.slice(0, 12)}`
  if (identical === null)
    return [hash, 'there is no file to compare it with'].filter((part) => part !== '').join('; ')
  const words = identical ? 'identical: every tensor is the same' : 'not identical'
  return hash === '' ? words : identical ? `${words}, ${hash}` : `${words}: ${hash}`
}
