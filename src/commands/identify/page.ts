import { basename } from 'node:path'
import type { Match, Relation } from '../../civitai/api/lookup.ts'
import { errorJson } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { lineWidth } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { versionJson } from '../shared/civitai-version.ts'
import type { IdentifiedFile, UnreadFile } from './files.ts'
import type { FileActionResult, FileRenaming } from './rename.ts'
import type { IdentifyMatch, IdentifyResult } from './schema.ts'

const COLUMNS = [
  { head: 'file' },
  { head: 'is' },
  { head: 'version' },
  { head: 'base' },
  { head: 'newer' },
  { head: 'trigger words' },
] as const

/** Words before the name of the model. */
const RELATIONS: Readonly<Record<Relation, string>> = {
  same: '',
  'same-weights': 'weights of ',
  'made-from': 'made from ',
  'maybe-made-from': 'probably made from ',
}

export function identifyTable(files: readonly IdentifiedFile[], world: World): string {
  const rows = files.flatMap((file) => {
    const name = printable(file.name, 80)
    if (file.matches.length === 0) return [[name, 'unknown', '', '', '', '']]
    return file.matches.map((match, i) => matchRow(i === 0 ? name : '', match, i === 0 ? file : undefined))
  })
  return formatTable(COLUMNS, rows, lineWidth(world.stdout))
}

function matchRow(name: string, { relation, version }: Match, file: IdentifiedFile | undefined): string[] {
  return [
    name,
    `${RELATIONS[relation]}${printable(version.modelName, 50)}`,
    `${printable(version.name, 24)} (${version.id})`,
    printable(version.baseModel ?? '', 20),
    file?.newer ? `${printable(file.newer.name, 24)} (${file.newer.id})` : '',
    printable(version.trainedWords.join(', '), 80),
  ]
}

export function renamingLine({ from, to, companions }: FileRenaming, dryRun: boolean): string {
  const along = companions.length > 0 ? ` (with ${companions.length} beside it)` : ''
  return `  ${dryRun ? 'would rename' : 'renamed'} ${printable(from, 300)} to ${printable(basename(to), 300)}${along}\n`
}

/** The results of `identify --json`. Keys are a contract: add, never rename. */
export function identifyJson(
  files: readonly IdentifiedFile[],
  deeds: ReadonlyMap<IdentifiedFile, FileActionResult>,
  failed: readonly UnreadFile[],
): IdentifyResult[] {
  return [
    ...files.map((file) => identifiedJson(file, deeds.get(file))),
    ...failed.map(({ path, error }) => ({ path, error: errorJson(error) })),
  ]
}

function identifiedJson(file: IdentifiedFile, deed: FileActionResult | undefined): IdentifyResult {
  const { path, sha256, operation, matches, newer } = file
  const { written = [], problems = [], renaming } = deed ?? {}
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
