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
import { identifyJson, identifyTable, renamingLine } from './page.ts'
import { type FileActionResult, planRenaming, renameFiles } from './rename.ts'

export const identifyCommand: Command = {
  positionals: '<files..>',
  examples: [
    ['$0 identify models/Lora', 'Names, versions, trigger words, and which of them have a newer version'],
    [
      '$0 identify models/Lora --write',
      'Also writes .civitai.info files, previews and the notes of A1111 where they are missing',
    ],
    ['$0 identify "model (3).safetensors" --rename --dry-run', 'What the file would be called'],
  ],
  options: (yargs) =>
    withSidecars(withModelFolders(withCivitaiUrl(withCommonOptions(yargs))))
      .positional('files', { type: 'string', array: true, describe: 'Model files or folders' })
      .option('write', {
        type: 'boolean',
        describe: 'Write what is missing beside the files: see --sidecars',
      })
      .option('rename', {
        type: 'boolean',
        describe:
          'Rename files to model_version, with what lies beside them. Prompts that name a LoRA must follow',
      })
      .option('dry-run', { type: 'boolean', describe: 'Show new names, write nothing' }),
  run: (args, world) => withCivitai(args, world, (client) => runIdentify(args, client, world)),
}

/** What to do with the files, beside telling what they are. */
interface IdentifyActions {
  readonly write: boolean
  /** Undefined: what is usual where the file is. */
  readonly sidecars: readonly Sidecar[] | undefined
  readonly rename: boolean
  readonly dryRun: boolean
}

/** @throws USAGE */
function wishesOf(args: Arguments): IdentifyActions {
  const sidecars = namedSidecars(args)
  const write = flag(args, 'write') || sidecars !== undefined
  return { write, sidecars, rename: flag(args, 'rename'), dryRun: flag(args, 'dryRun') }
}

async function runIdentify(args: Arguments, client: Client, world: World): Promise<ExitCode> {
  const { json, quiet, verbose } = commonOptions(args)
  const wishes = wishesOf(args)
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
    const deeds = new Map<IdentifiedFile, FileActionResult>()
    const paths = files.map(({ path }) => path)
    for (const file of files) deeds.set(file, await act(file, paths, wishes, client))
    const failed = [...missing, ...unread]
    for (const { error } of failed) world.stderr.write(errorText(error, verbose))
    const document = envelope(
      'identify',
      { results: identifyJson(files, deeds, failed), dryRun: wishes.dryRun },
      world,
    )
    printResults(document, () => pageOf(files, deeds, wishes.dryRun, world), { json, quiet }, world)
    if (!json) printProblems(deeds.values(), world)
    return exitCode(files, failed)
  } finally {
    await cache.save()
  }
}

function pageOf(
  files: readonly IdentifiedFile[],
  deeds: ReadonlyMap<IdentifiedFile, FileActionResult>,
  dryRun: boolean,
  world: World,
): string {
  const lines = [...deeds.values()].flatMap(({ written, renaming }) => [
    ...(renaming ? [renamingLine(renaming, dryRun)] : []),
    ...written.map((path) => `  wrote ${printable(path, 300)}\n`),
  ])
  return [...(files.length > 0 ? [`${identifyTable(files, world)}\n`] : []), ...lines].join('')
}

function printProblems(deeds: Iterable<FileActionResult>, world: World): void {
  for (const { problems } of deeds)
    for (const problem of problems) world.stderr.write(`sdtool: ${printable(problem, 600)}\n`)
}

/** Unknown files are nothing unusual in a collection; that none is known is worth a code. */
function exitCode(files: readonly IdentifiedFile[], failed: readonly UnreadFile[]): ExitCode {
  if (failed.length > 0) return exitCodeOf(failed[0]!.error)
  return files.some(({ matches }) => matches.length > 0) ? EXIT.ok : EXIT.unverified
}

/** Sidecars and names, as asked. Problems with one file are told and do not stop the others. */
async function act(
  file: IdentifiedFile,
  files: readonly string[],
  wishes: IdentifyActions,
  client: Client,
): Promise<FileActionResult> {
  const [match] = file.matches
  if (!match) return NOTHING
  const { write, rename, dryRun } = wishes
  try {
    const deed =
      write && !dryRun && isOne(file)
        ? await writeBeside(file, match, { files, sidecars: wishes.sidecars }, client)
        : NOTHING
    const renaming =
      rename && isItself(match) ? await planRenaming(file.path, match.version, files) : undefined
    if (renaming && !dryRun) await renameFiles(renaming)
    return renaming ? { ...deed, renaming } : deed
  } catch (error) {
    client.http.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { written: [], problems: [`${basename(file.path)}: ${error.message}`] }
  }
}

const NOTHING: FileActionResult = { written: [], problems: [] }

/** Not for merges: what they are made of is not what they are. */
function isOne({ matches }: IdentifiedFile): boolean {
  return matches.length === 1
}

function isItself({ relation }: Match): boolean {
  return relation === 'same' || relation === 'same-weights'
}

/** The version by itself: in answers for many hashes the site's addresses are broken. */
async function writeBeside(
  { path, sha256 }: IdentifiedFile,
  { version }: Match,
  { files, sidecars }: Pick<IdentifyActions, 'sidecars'> & { readonly files: readonly string[] },
  { site, http, apiOf }: Client,
): Promise<FileActionResult> {
  const whole = await apiOf(site).version(version.id)
  const kinds = sidecars ?? usualSidecars(layoutAround(path))
  return writeSidecars({ path, sha256, version: whole, kinds, files }, site, http)
}
