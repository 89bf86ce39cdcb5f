import { basename } from 'node:path'
import type { Match } from '../civitai/lookup.ts'
import { type Sidecar, writeSidecars } from '../civitai/sidecars.ts'
import { EXIT, type ExitCode, SdtoolError } from '../errors.ts'
import { openHashCache } from '../library/caches/hash-cache.ts'
import { resolveModel } from '../library/resolve.ts'
import { hashesOf } from '../operations/hashing.ts'
import { envelope, printResults } from '../report/envelope.ts'
import { errorText, exitCodeOf } from '../report/error.ts'
import type { Io } from '../system/world.ts'
import { printable } from '../tensor/text.ts'
import { type Client, withCivitai } from './civitai-client.ts'
import { withCivitaiUrl } from './civitai-options.ts'
import type { Arguments, Command } from './command.ts'
import { layoutAround } from './download-place.ts'
import { type IdentifiedFile, identifyFiles, type UnreadFile } from './identify-files.ts'
import { identifyJson, identifyTable, renamingLine } from './identify-page.ts'
import { carryOut, type Deed, planRenaming } from './identify-rename.ts'
import { listedFiles } from './listed-files.ts'
import { modelFolders, withModelFolders } from './model-folders.ts'
import { commonOptions, flag, namedFiles, withCommonOptions } from './options.ts'
import { namedSidecars, usualSidecars, withSidecars } from './sidecar-options.ts'

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
  run: (args, io) => withCivitai(args, io, (client) => runIdentify(args, client, io)),
}

/** What to do with the files, beside telling what they are. */
interface Wishes {
  readonly write: boolean
  /** Undefined: what is usual where the file is. */
  readonly sidecars: readonly Sidecar[] | undefined
  readonly rename: boolean
  readonly dryRun: boolean
}

/** @throws USAGE */
function wishesOf(args: Arguments): Wishes {
  const sidecars = namedSidecars(args)
  const write = flag(args, 'write') || sidecars !== undefined
  return { write, sidecars, rename: flag(args, 'rename'), dryRun: flag(args, 'dryRun') }
}

async function runIdentify(args: Arguments, client: Client, io: Io): Promise<ExitCode> {
  const { json, quiet, verbose } = commonOptions(args)
  const wishes = wishesOf(args)
  const folders = modelFolders(args, io)
  const { files: listed } = await listedFiles(
    namedFiles(args),
    (name) => resolveModel(name, 'any', folders),
    io,
  )
  const missing = listed.flatMap(({ path, problem }) => (problem ? [{ path, error: problem }] : []))
  const found = listed.filter(({ problem }) => !problem)
  const cache = await openHashCache(io, hashesOf(io))
  const api = client.apiOf(client.site)
  try {
    const { files, unread } = await identifyFiles(found, { api, cache, quiet: quiet || json, io })
    const deeds = new Map<IdentifiedFile, Deed>()
    const paths = files.map(({ path }) => path)
    for (const file of files) deeds.set(file, await act(file, paths, wishes, client))
    const failed = [...missing, ...unread]
    for (const { error } of failed) io.stderr.write(errorText(error, verbose))
    const document = envelope(
      'identify',
      { results: identifyJson(files, deeds, failed), dryRun: wishes.dryRun },
      io,
    )
    printResults(document, () => pageOf(files, deeds, wishes.dryRun, io), { json, quiet }, io)
    if (!json) printProblems(deeds.values(), io)
    return exitCode(files, failed)
  } finally {
    await cache.save()
  }
}

function pageOf(
  files: readonly IdentifiedFile[],
  deeds: ReadonlyMap<IdentifiedFile, Deed>,
  dryRun: boolean,
  io: Io,
): string {
  const lines = [...deeds.values()].flatMap(({ written, renaming }) => [
    ...(renaming ? [renamingLine(renaming, dryRun)] : []),
    ...written.map((path) => `  wrote ${printable(path, 300)}\n`),
  ])
  return [...(files.length > 0 ? [`${identifyTable(files, io)}\n`] : []), ...lines].join('')
}

function printProblems(deeds: Iterable<Deed>, io: Io): void {
  for (const { problems } of deeds)
    for (const problem of problems) io.stderr.write(`sdtool: ${printable(problem, 600)}\n`)
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
  wishes: Wishes,
  client: Client,
): Promise<Deed> {
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
    if (renaming && !dryRun) await carryOut(renaming)
    return renaming ? { ...deed, renaming } : deed
  } catch (error) {
    client.world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { written: [], problems: [`${basename(file.path)}: ${error.message}`] }
  }
}

const NOTHING: Deed = { written: [], problems: [] }

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
  { files, sidecars }: Pick<Wishes, 'sidecars'> & { readonly files: readonly string[] },
  { site, world, apiOf }: Client,
): Promise<Deed> {
  const whole = await apiOf(site).version(version.id)
  const kinds = sidecars ?? usualSidecars(layoutAround(path))
  return writeSidecars({ path, sha256, version: whole, kinds, files }, site, world)
}
