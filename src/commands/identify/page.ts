import { basename } from 'node:path'
import type { Match } from '../../civitai/api/lookup.ts'
import { errorJson } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { versionJson } from '../shared/civitai-version.ts'
import type { IdentifiedFile, UnreadFile } from './files.ts'
import { messages } from './messages.ts'
import type { FileActionResult, FileRenaming } from './rename.ts'
import type { IdentifyMatch, IdentifyResult } from './schema.ts'

function columns() {
  return [
    { head: messages.fileColumn },
    { head: messages.isColumn },
    { head: messages.versionColumn },
    { head: messages.baseColumn },
    { head: messages.newerColumn },
    { head: messages.triggerWordsColumn },
  ] as const
}

export function identifyTable(files: readonly IdentifiedFile[], world: World): string {
  const rows = files.flatMap((file) => {
    const name = printable(file.name, 80)
    if (file.matches.length === 0) return [[name, messages.unknown, '', '', '', '']]
    return file.matches.map((match, i) => matchRow(i === 0 ? name : '', match, i === 0 ? file : undefined))
  })
  return formatTable(columns(), rows, lineWidth(world.stdout))
}

function matchRow(name: string, { relation, version }: Match, file: IdentifiedFile | undefined): string[] {
  return [
    name,
    messages.related(relation, printable(version.modelName, 50)),
    `${printable(version.name, 24)} (${version.id})`,
    printable(version.baseModel ?? '', 20),
    file?.newer ? `${printable(file.newer.name, 24)} (${file.newer.id})` : '',
    printable(version.trainedWords.join(', '), 80),
  ]
}

export function renamingLine({ from, to, companions }: FileRenaming, dryRun: boolean): string {
  const say = dryRun ? messages.wouldRename : messages.renamed
  return `  ${say(printable(from, 300), printable(basename(to), 300), companions.length)}\n`
}

/** The results of `identify --json`. Keys are a contract: add, never rename. */
export function identifyJson(
  files: readonly IdentifiedFile[],
  results: ReadonlyMap<IdentifiedFile, FileActionResult>,
  failed: readonly UnreadFile[],
): IdentifyResult[] {
  return [
    ...files.map((file) => identifiedJson(file, results.get(file))),
    ...failed.map(({ path, error }) => ({ path, error: errorJson(error) })),
  ]
}

function identifiedJson(file: IdentifiedFile, result: FileActionResult | undefined): IdentifyResult {
  const { path, sha256, operation, matches, newer } = file
  const { written = [], problems = [], renaming } = result ?? {}
  return {
    path,
    sha256,
    madeBy: operation ?? null,
    matches: matches.map(matchJson),
    newer: newer ? { versionId: newer.id, name: newer.name } : null,
    written,
    problems,
    renaming: renaming ?? null,
    error: null,
  }
}

function matchJson({ relation, version, file, ancestor }: Match): IdentifyMatch {
  return {
    relation,
    ancestor: ancestor ?? null,
    ...versionJson(version),
    fileId: file?.id ?? null,
  }
}
