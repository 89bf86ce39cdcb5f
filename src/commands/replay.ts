/** Does again what made a file, from the recipe in its metadata. */
import { basename, dirname, join } from 'node:path'
import { EXIT, type ExitCode, refuse, SdtoolError, usage } from '../errors.ts'
import { stemOf } from '../model/output-name.ts'
import type { Recipe } from '../model/recipe.ts'
import { errorText } from '../report/error.ts'
import type { Io } from '../report/io.ts'
import { formatTable } from '../report/table.ts'
import { painter } from '../report/text.ts'
import { hashFile } from '../tensor/hash.ts'
import { printable, quoted } from '../tensor/text.ts'
import type { Arguments, Command } from './command.ts'
import { toJson } from './inspect-json.ts'
import { modelFolders, resolveModel, withModelFolders } from './model-folders.ts'
import { namedFiles, type OutputOptions, outputOptions, withOutputOptions } from './options.ts'
import { type FoundInput, findInputs } from './recipe-inputs.ts'
import { type RecipeSource, recipeOf } from './recipe-source.ts'
import { COMMANDS } from './registry.ts'

export const replayCommand: Command = {
  positionals: '[file]',
  examples: [
    ['$0 replay mix.safetensors --models ~/models', 'Make it again, and say whether it is the same'],
    ['$0 replay recipe.json -o mix.safetensors', 'From a recipe alone'],
    ['$0 replay mix.safetensors --dry-run', 'Whether the inputs are there, and what would be done'],
  ],
  options: (yargs) =>
    withModelFolders(withOutputOptions(yargs)).positional('file', {
      type: 'string',
      describe: 'File that sdtool has written, or a JSON file with its recipe',
    }),
  run: runReplay,
}

async function runReplay(args: Arguments, io: Io): Promise<ExitCode> {
  const [name, ...rest] = [args.file, ...namedFiles(args)].filter((file) => file !== undefined).map(String)
  if (name === undefined || rest.length > 0) throw usage('name one file', 'sdtool replay mix.safetensors')
  const output = outputOptions(args)
  const folders = modelFolders(args, io)
  const path = await resolveModel(name, 'any', folders)
  const source = await recipeOf(path, io.signal)
  const { recipe } = source
  const { again, command } = await repeatable(recipe)
  const found = await findInputs(recipe, { path, folders, quiet: output.quiet || output.json }, io)
  const target =
    output.output ??
    join(dirname(path), `${stemOf(basename(path).replace(/\.json$/i, ''))}-replayed.safetensors`)
  const repeated = again(
    recipe.options,
    found.map((input) => input.path),
  )
  const replay = { path, source, found, target }
  if (!output.json) io.stdout.write(headOf(replay, io))
  const { exitCode, text } = await runAgain(
    command,
    { ...shared(args, recipe), ...repeated, output: target },
    output,
    io,
  )
  if (exitCode !== EXIT.ok || output.dryRun) return ended(replay, undefined, text, exitCode, output, io)
  const { autoV3 } = await hashFile(target, { only: ['autoV3'], signal: io.signal })
  return ended(replay, autoV3, text, exitCode, output, io)
}

interface Replay {
  readonly path: string
  readonly source: RecipeSource
  readonly found: readonly FoundInput[]
  readonly target: string
}

/** @throws RECIPE_UNKNOWN_OPERATION (exit 3) */
async function repeatable({
  operation,
}: Recipe): Promise<{ command: Command; again: NonNullable<Command['replay']> }> {
  const command = await COMMANDS.find(({ name }) => name === operation)?.load()
  if (command?.replay !== undefined) return { command, again: command.replay }
  throw refuse(
    'RECIPE_UNKNOWN_OPERATION',
    `the recipe is of the operation ${quoted(operation)}, which this version of sdtool cannot repeat`,
  )
}

/** What a person may ask of any command, and what decides whether large inputs are hashed in full. */
function shared(args: Arguments, { inputs }: Recipe): Arguments {
  const { force, dryRun, quiet, json, verbose, verify } = args
  const hash = args.hash === true || inputs.every(({ sha256 }) => sha256 !== undefined)
  return { force, dryRun, quiet, json, verbose, verify, hash }
}

/** The command prints its page as always; its document becomes a part of this one. */
async function runAgain(
  command: Command,
  args: Arguments,
  { json }: OutputOptions,
  io: Io,
): Promise<{ exitCode: ExitCode; text: string }> {
  if (!json) return { exitCode: await command.run(args, io), text: '' }
  let text = ''
  const stdout = { write: (part: string) => (text += part) }
  return { exitCode: await command.run(args, { ...io, stdout }), text }
}

function headOf({ path, source: { recipe }, found }: Replay, io: Io): string {
  const paint = painter(io.stdout, io.env)
  const rows = found.map(({ input, by, path }) => [printable(input.name, 80), by, printable(path, 200)])
  const table = formatTable([{ head: 'input' }, { head: 'the same by' }, { head: 'found' }], rows)
  const head = `${paint('bold', printable(path, 300))}: ${recipe.operation} of sdtool ${printable(recipe.sdtool, 40)}, ${recipe.produced}`
  return `${head}\n${table}\n`
}

/** Says what came of it. */
function ended(
  { path, source, found, target }: Replay,
  autoV3: string | undefined,
  text: string,
  exitCode: ExitCode,
  { json, verbose }: OutputOptions,
  io: Io,
): ExitCode {
  const identical = autoV3 === undefined || source.autoV3 === undefined ? null : autoV3 === source.autoV3
  if (json) {
    const result = text === '' ? undefined : (JSON.parse(text) as unknown)
    const inputs = found.map(({ input, path, by }) => ({ name: input.name, path, by }))
    const document = { command: 'replay', file: path, operation: source.recipe.operation, inputs, result }
    io.stdout.write(`${toJson({ ...document, autoV3: autoV3 ?? null, identical })}\n`)
  } else if (autoV3 !== undefined) io.stdout.write(`  ${verdict(identical, autoV3)}\n`)
  if (identical !== false) return exitCode
  io.stderr.write(errorText(differs(path, target, source.recipe, io), verbose))
  return EXIT.unverified
}

function differs(path: string, target: string, { sdtool }: Recipe, io: Io): Error {
  return new SdtoolError('REPLAY_DIFFERS', `${target} is not the same as ${path}: its tensors differ`, {
    hint: `sdtool diff shows where. The file was made by sdtool ${sdtool}, this is ${io.version}.`,
  })
}

function verdict(identical: boolean | null, autoV3: string): string {
  const hash = `AutoV3 ${autoV3.slice(0, 12)}`
  if (identical === null) return `${hash}; there is no file to compare it with`
  return identical ? `identical: every tensor is the same, ${hash}` : `not identical: ${hash}`
}
