import { basename } from 'node:path'
import type { Match } from '../../civitai/api/lookup.ts'
import { type Sidecar, writeSidecars } from '../../civitai/plan/sidecars.ts'
import { openHashCache } from '../../library/caches/hash-cache.ts'
import { resolveModel } from '../../library/resolve.ts'
import { hashesOf } from '../../operations/hashing.ts'
import { envelope, printResults } from '../../report/document/envelope.ts'
import { errorText, exitCodeOf } from '../../report/terminal/error.ts'
import { EXIT, type ExitCode, SdtoolError } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { Arguments, Command } from '../command.ts'
import { layoutAround } from '../download/place.ts'
import { type Client, withCivitai } from '../shared/civitai-client.ts'
import { withCivitaiUrl } from '../shared/civitai-options.ts'
import { listedFiles } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { commonOptions, flag, namedFiles, withCommonOptions } from '../shared/options.ts'
import { namedSidecars, usualSidecars, withSidecars } from '../shared/sidecar-options.ts'
import { type IdentifiedFile, identifyFiles, type UnreadFile } from './files.ts'
import { messages } from './messages.ts'
import { identifyJson, identifyTable, renamingLine } from './page.ts'
import { type FileActionResult, planRenaming, renameFiles } from './rename.ts'

export const identifyCommand: Command = {
  positionals: '<files..>',
  get examples() {
    return [
      ['$0 identify models/Lora', messages.exampleFolder],
      ['$0 identify models/Lora --write', messages.exampleWrite],
      ['$0 identify "model (3).safetensors" --rename --dry-run', messages.exampleRename],
    ] as const
  },
  options: (yargs) =>
    withSidecars(withModelFolders(withCivitaiUrl(withCommonOptions(yargs))))
      .positional('files', { type: 'string', array: true, describe: messages.filesArgument })
      .option('write', { type: 'boolean', describe: messages.writeOption })
      .option('rename', { type: 'boolean', describe: messages.renameOption })
      .option('dry-run', { type: 'boolean', describe: messages.dryRunOption }),
  run: (args, world) => withCivitai(args, world, (client) => runIdentify(args, client, world)),
}

/** What to do with the files, besides saying what they are. */
interface IdentifyActions {
  readonly write: boolean
  /** Undefined: what is usual where the file is. */
  readonly sidecars: readonly Sidecar[] | undefined
  readonly rename: boolean
  readonly dryRun: boolean
}

/** @throws USAGE (exit 2) */
function actionsOf(args: Arguments): IdentifyActions {
  const sidecars = namedSidecars(args)
  const write = flag(args, 'write') || sidecars !== undefined
  return { write, sidecars, rename: flag(args, 'rename'), dryRun: flag(args, 'dryRun') }
}

async function runIdentify(args: Arguments, client: Client, world: World): Promise<ExitCode> {
  const { json, quiet, verbose } = commonOptions(args)
  const actions = actionsOf(args)
  const folders = modelFolders(args, world)
  const { files: listed } = await listedFiles(
    namedFiles(args),
    (name) => resolveModel(name, 'any', folders),
    world,
  )
  const missing = listed.flatMap(({ path, problem }) => (problem ? [{ path, error: problem }] : []))
  const found = listed.filter(({ problem }) => !problem)
  const cache = await openHashCache(world, hashesOf(world))
  const api = client.apiOf(client.site)
  try {
    const { files, unread } = await identifyFiles(found, { api, cache, world })
    const done = new Map<IdentifiedFile, FileActionResult>()
    const paths = files.map(({ path }) => path)
    for (const file of files) done.set(file, await act(file, paths, actions, client))
    const failed = [...missing, ...unread]
    for (const { error } of failed) world.stderr.write(errorText(error, verbose))
    const document = envelope(
      'identify',
      { results: identifyJson(files, done, failed), dryRun: actions.dryRun },
      world,
    )
    printResults(document, () => pageOf(files, done, actions.dryRun, world), { json, quiet }, world)
    if (!json) printProblems(done.values(), world)
    return exitCode(files, failed)
  } finally {
    await cache.save()
  }
}

function pageOf(
  files: readonly IdentifiedFile[],
  done: ReadonlyMap<IdentifiedFile, FileActionResult>,
  dryRun: boolean,
  world: World,
): string {
  const lines = [...done.values()].flatMap(({ written, renaming }) => [
    ...(renaming ? [renamingLine(renaming, dryRun)] : []),
    ...written.map((path) => `  ${messages.wrote(printable(path, 300))}\n`),
  ])
  return [...(files.length > 0 ? [`${identifyTable(files, world)}\n`] : []), ...lines].join('')
}

function printProblems(done: Iterable<FileActionResult>, world: World): void {
  for (const { problems } of done)
    for (const problem of problems) world.stderr.write(`sdtool: ${printable(problem, 600)}\n`)
}

/** Unknown files are normal in a collection; none known at all gets an exit code of its own. */
function exitCode(files: readonly IdentifiedFile[], failed: readonly UnreadFile[]): ExitCode {
  if (failed.length > 0) return exitCodeOf(failed[0]!.error)
  return files.some(({ matches }) => matches.length > 0) ? EXIT.ok : EXIT.unverified
}

/** Writes sidecars and renames, as the options say. Problems with one file do not stop the others. */
async function act(
  file: IdentifiedFile,
  files: readonly string[],
  actions: IdentifyActions,
  client: Client,
): Promise<FileActionResult> {
  const [match] = file.matches
  if (!match) return NOTHING
  const { write, rename, dryRun } = actions
  try {
    const result =
      write && !dryRun && hasOneMatch(file)
        ? await writeSidecarsOf(file, match, { files, sidecars: actions.sidecars }, client)
        : NOTHING
    const renaming =
      rename && isItself(match) ? await planRenaming(file.path, match.version, files) : undefined
    if (renaming && !dryRun) await renameFiles(renaming)
    return renaming ? { ...result, renaming } : result
  } catch (error) {
    client.http.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { written: [], problems: [messages.problemWith(basename(file.path), error.message)] }
  }
}

const NOTHING: FileActionResult = { written: [], problems: [] }

/** Not so for merges: what they were made from is not what they are. */
function hasOneMatch({ matches }: IdentifiedFile): boolean {
  return matches.length === 1
}

function isItself({ relation }: Match): boolean {
  return relation === 'same' || relation === 'same-weights'
}

/** From the version's own page of the API: in answers for many hashes the addresses are broken. */
async function writeSidecarsOf(
  { path, sha256 }: IdentifiedFile,
  { version }: Match,
  { files, sidecars }: Pick<IdentifyActions, 'sidecars'> & { readonly files: readonly string[] },
  { site, http, apiOf }: Client,
): Promise<FileActionResult> {
  const whole = await apiOf(site).version(version.id)
  const kinds = sidecars ?? usualSidecars(layoutAround(path))
  return writeSidecars({ path, sha256, version: whole, kinds, files }, site, http)
}
