import { basename } from 'node:path'
import type { Match, Relation } from '../civitai/lookup.ts'
import { describe } from '../report/error.ts'
import { formatTable } from '../report/table.ts'
import { lineWidth } from '../report/wrap.ts'
import type { Io } from '../system/world.ts'
import { printable } from '../tensor/text.ts'
import type { IdentifiedFile, UnreadFile } from './identify-files.ts'
import type { Deed, Renaming } from './identify-rename.ts'
import { versionJson } from './version-json.ts'

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

export function identifyTable(files: readonly IdentifiedFile[], io: Io): string {
  const rows = files.flatMap((file) => {
    const name = printable(file.name, 80)
    if (file.matches.length === 0) return [[name, 'unknown', '', '', '', '']]
    return file.matches.map((match, i) => matchRow(i === 0 ? name : '', match, i === 0 ? file : undefined))
  })
  return formatTable(COLUMNS, rows, lineWidth(io.stdout))
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

export function renamingLine({ from, to, companions }: Renaming, dryRun: boolean): string {
  const along = companions.length > 0 ? ` (with ${companions.length} beside it)` : ''
  return `  ${dryRun ? 'would rename' : 'renamed'} ${printable(from, 300)} to ${printable(basename(to), 300)}${along}\n`
}

/** The document of `identify --json`. Keys are a contract: add, never rename. */
export function identifyJson(
  files: readonly IdentifiedFile[],
  deeds: ReadonlyMap<IdentifiedFile, Deed>,
  failed: readonly UnreadFile[],
): object {
  return {
    files: files.map((file) => {
      const { written = [], problems = [], renaming } = deeds.get(file) ?? {}
      return {
        file: file.path,
        sha256: file.sha256,
        ...(file.operation === undefined ? {} : { madeBy: file.operation }),
        matches: file.matches.map(matchJson),
        newer: file.newer ? { versionId: file.newer.id, name: file.newer.name } : null,
        written,
        problems,
        ...(renaming && { renaming }),
      }
    }),
    failed: failed.map(({ path, error }) => ({ file: path, error: describe(error) })),
  }
}

function matchJson({ relation, version, file, ancestor }: Match): object {
  return {
    relation,
    ...(ancestor === undefined ? {} : { ancestor }),
    ...versionJson(version),
    fileId: file?.id ?? null,
  }
}
