import { contradictsBase } from '../../civitai/api/base-claim.ts'
import { FAMILY_WORDS } from '../../civitai/api/base-models.ts'
import { openCache } from '../../library/caches/library-cache.ts'
import { checkFolder, type SkippedFolder, scanFolder, skippedText } from '../../library/scan.ts'
import { type FamilyFacts, familyTitle } from '../../model/families.ts'
import { familyFilter } from '../../operations/list/family-filter.ts'
import {
  type Duplicates,
  type LibraryFile,
  libraryOf,
  likelyDuplicates,
  provenDuplicates,
} from '../../operations/list/models.ts'
import { type Envelope, envelope, type JsonError, printResults } from '../../report/document/envelope.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, painter } from '../../report/text/text.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import { startProgress, type World } from '../../system/world.ts'
import type { Command } from '../command.ts'
import { noteSkipped } from '../shared/listed-files.ts'
import { modelFolders, withModelFolders } from '../shared/model-folders.ts'
import { commonOptions, flag, list, withCommonOptions } from '../shared/options.ts'
import { messages } from './messages.ts'
import type { ListFinding, ListResult } from './schema.ts'

export const listCommand: Command = {
  positionals: '[folders..]',
  get examples() {
    return [
      ['$0 list ~/stable-diffusion-webui/models', messages.exampleFolder],
      ['$0 list --base z-image', messages.exampleBase],
      ['$0 list --duplicates', messages.exampleDuplicates],
      ['$0 list models/ --json', messages.exampleJson],
    ] as const
  },
  options: (yargs) =>
    withModelFolders(withCommonOptions(yargs))
      .positional('folders', {
        type: 'string',
        array: true,
        describe: messages.foldersArgument,
      })
      .option('base', { type: 'string', describe: messages.baseOption(FAMILY_WORDS.join(', ')) })
      .option('duplicates', {
        type: 'boolean',
        describe: messages.duplicatesOption,
      }),
  async run(args, world) {
    const options = commonOptions(args)
    const bases = list(args, 'base')
    const isWanted = bases.length === 0 ? () => true : familyFilter(bases)
    const named = [...((args.folders as unknown[]) ?? []), ...((args._ as unknown[]) ?? [])].map(String)
    const folders = named.length > 0 ? named : modelFolders(args, world).roots
    if (folders.length === 0) throw usage(messages.noFolder, messages.nameFolder)
    for (const folder of folders) await checkFolder(folder)
    const scans = await Promise.all(folders.map((folder) => scanFolder(folder, world.signal)))
    const skipped = scans.flatMap((scan) => scan.skipped)
    noteSkipped(skipped, world)
    const cache = await openCache(world)
    const opening = startProgress(world, messages.opening, 'count')
    try {
      const found = scans.flatMap((scan) => scan.files)
      const files = (await libraryOf(found, cache, opening, world)).filter(isWanted)
      const duplicates = flag(args, 'duplicates')
        ? await provenDuplicates(files, cache, startProgress(world, messages.comparing, 'count'), world)
        : likelyDuplicates(files)
      printResults(
        document(files, duplicates, skipped, world),
        () => page(files, duplicates, options.verbose, world),
        options,
        world,
      )
    } finally {
      opening.end()
      await cache.save()
    }
    return EXIT.ok
  },
}

function document(
  files: readonly LibraryFile[],
  duplicates: readonly Duplicates[],
  skipped: readonly SkippedFolder[],
  world: World,
): Envelope<ListResult, ListFinding> {
  const findings = [
    ...duplicates.map(duplicateJson),
    ...skipped.map(({ path, why }): ListFinding => {
      const message = skippedText(why, path)
      return { code: 'folder-skipped', severity: 'warning', message, bytes: null, path, why }
    }),
  ]
  return envelope('list', { results: files.map(resultJson), findings }, world)
}

function resultJson({ path, bytes, facts, baseModel, triggers, error, autoV3 }: LibraryFile): ListResult {
  if (facts === undefined) return { path, bytes, error: errorDataJson(error!) }
  const { kind, title, precision, prunable } = facts
  const { architecture, family, variant, base, trainedOn } = facts
  const known = defined({ architecture, family, variant, baseModel, base, trainedOn, autoV3 })
  return { path, bytes, kind, title, precision, triggers, prunable, error: null, ...UNKNOWN, ...known }
}

/** What a file may leave open. */
const UNKNOWN = {
  architecture: null,
  family: null,
  variant: null,
  baseModel: null,
  base: null,
  trainedOn: null,
  autoV3: null,
} as const

function errorDataJson({ code, message }: NonNullable<LibraryFile['error']>): JsonError {
  return { code, message, hint: null }
}

function duplicateJson({ component, files, bytes, proven }: Duplicates): ListFinding {
  const paths = files.map(({ path }) => path)
  const message = messages.filesWith(files.length, sameText(component, proven))
  return { code: 'duplicate', severity: 'info', message, bytes, component: component ?? null, paths, proven }
}

/** More files of one group than this are counted. */
const MAX_FILES = 6

function page(
  files: readonly LibraryFile[],
  duplicates: readonly Duplicates[],
  verbose: boolean,
  world: World,
): string {
  const paint = painter(world.stdout, world.env)
  const rows = files.map((file) => {
    const { title = '', precision = '' } = file.facts ?? {}
    const cells = [file.name, title, formatBytes(file.bytes), precision, notesOf(file).join('; ')]
    return cells.map((cell) => printable(cell, 160))
  })
  const columns = [
    { head: messages.file },
    { head: messages.what },
    { head: messages.size, align: 'right' },
    { head: messages.type },
    { head: messages.notes },
  ] as const
  const lines = [
    ...(rows.length > 0 ? [formatTable(columns, rows, paint.width)] : []),
    ...duplicates.map((group) => duplicateLine(group, verbose)),
    summary(files),
  ]
  return `${lines.join('\n')}\n`
}

function notesOf({ facts, baseModel, triggers, error }: LibraryFile): string[] {
  if (facts === undefined) return [messages.refused(error!.message)]
  const { title, trainedOn, prunable } = facts
  const base = familyTitle(facts)
  return [
    // titles have it but for what its metadata alone tells, and for embeddings
    ...(base === undefined || title.includes(base) ? [] : [messages.forBase(base)]),
    ...(baseModel === undefined ? [] : [claimText(facts, baseModel)]),
    ...(trainedOn === undefined ? [] : [messages.trainedOn(trainedOn)]),
    ...(triggers.length === 0 ? [] : [messages.triggers(triggers.join(', '))]),
    ...(prunable > 0 ? [messages.pruneSaves(formatBytes(prunable))] : []),
  ]
}

/** What the site calls a model, where its keys and shapes allow it. */
function claimText(facts: FamilyFacts, baseModel: string): string {
  return contradictsBase(facts, baseModel) ? messages.wrongBase(baseModel) : messages.calledBase(baseModel)
}

function duplicateLine({ component, files, bytes, proven }: Duplicates, verbose: boolean): string {
  const shown = verbose ? files : files.slice(0, MAX_FILES)
  // of several folders that are listed, two may have the same name below them
  const isAmbiguous = new Set(files.map(({ name }) => name)).size < files.length
  const names = shown.map(({ name, path }) => printable(isAmbiguous ? path : name, 120)).join(', ')
  const unlisted = files.length - shown.length
  const all = unlisted > 0 ? messages.namesAndMore(names, unlisted) : names
  return `  ${proven ? '=' : '~'} ${sameText(component, proven)} (${formatBytes(bytes)}): ${all}`
}

function sameText(component: string | undefined, proven: boolean): string {
  if (component === undefined) return proven ? messages.sameTensors : messages.sameTensorsBySample
  return proven ? messages.sameComponent(component) : messages.sameComponentBySample(component)
}

function summary(files: readonly LibraryFile[]): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const saved = files.reduce((sum, { facts }) => sum + (facts?.prunable ?? 0), 0)
  const refused = files.filter(({ error }) => error !== undefined).length
  const parts = [
    messages.files(files.length, formatBytes(bytes)),
    ...(refused > 0 ? [messages.refusedCount(refused)] : []),
    ...(saved > 0 ? [messages.pruningSaves(formatBytes(saved))] : []),
  ]
  return parts.join('; ')
}
