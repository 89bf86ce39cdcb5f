import type { TensorDiff } from '../../model/diff/diff.ts'
import type { MetadataDiff } from '../../model/diff/metadata.ts'
import { byBlock, byComponent, type Tally } from '../../model/diff/summary.ts'
import { formatTitle } from '../../operations/inspect/json.ts'
import { bar, formatRelative } from '../../report/text/relative.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes, plural } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import { relativeChange } from '../../tensor/values/compare.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'
import type { DiffFile, DiffReport } from './report.ts'

export interface PageOptions {
  /** Changed tensors to list. */
  readonly top: number
  /** List everything that differs. */
  readonly all: boolean
}

/** Keys and metadata that are listed before the rest is counted. */
const MAX_LISTED = 10
const BAR_WIDTH = 24
const MAX_NAME = 200

/** What a person reads about two files. */
export function diffPage(report: DiffReport, { top, all }: PageOptions, paint: Paint): string {
  const { a, b, ema, tensors, total, metadata, findings, plot } = report
  const limit = all ? Number.POSITIVE_INFINITY : MAX_LISTED
  const sections = [
    [fileLine('a', a, paint), fileLine('b', b, paint), ...(ema ? [emaLine(a, b)] : [])],
    [`  ${paint('bold', summaryLine(report))}`],
    findingLines(findings, paint),
    total.differing > 0 ? [componentTable(tensors)] : [],
    ...blockTables(tensors),
    topTable(tensors, all ? Number.POSITIVE_INFINITY : top),
    typeLines(tensors),
    nameLines(
      'Other shapes',
      tensors.filter(({ reshaped }) => reshaped),
      limit,
    ),
    nameLines(
      'Other values, of types that are no numbers',
      tensors.filter(({ change, reshaped }) => change === 'incomparable' && !reshaped),
      limit,
    ),
    nameLines(
      'Only in a',
      tensors.filter(({ change }) => change === 'removed'),
      limit,
    ),
    nameLines(
      'Only in b',
      tensors.filter(({ change }) => change === 'added'),
      limit,
    ),
    metadataLines(metadata, limit),
    plot === undefined ? [] : [`  ${paint('green', 'wrote')} ${printable(plot, 300)}`],
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function fileLine(letter: string, { path, model, identity }: DiffFile, paint: Paint): string {
  const facts = [
    printable(identity.title, MAX_NAME),
    formatBytes(model.file.size),
    formatTitle(model.format),
    plural(model.tensors.size, 'tensor'),
  ]
  return `${paint('bold', letter)}  ${paint('bold', printable(path, 300))}: ${facts.join(', ')}`
}

function emaLine(a: DiffFile, b: DiffFile): string {
  const sides = [...(a.identity.ema ? ['a'] : []), ...(b.identity.ema ? ['b'] : [])]
  return `   EMA weights in place of the live ones in ${sides.join(' and ')}`
}

function summaryLine({ total, metadata }: DiffReport): string {
  const { tensors, differing, comparison } = total
  const otherText = Object.values(metadata).some((entries) => Object.keys(entries).length > 0)
  if (differing === 0) {
    return `identical: ${plural(tensors, 'tensor')}, the same values in each${otherText ? '; only metadata differs' : ''}`
  }
  const parts = [
    [total.changed, 'changed'],
    [total.incomparable, 'not comparable'],
    [total.retyped, 'of another type'],
    [total.reshaped, 'of another shape'],
    [total.removed, 'only in a'],
    [total.added, 'only in b'],
  ] as const
  const counts = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  const change =
    comparison.values > 0 ? `, relative change ${formatRelative(relativeChange(comparison))}` : ''
  const verb = differing === 1 ? 'differs' : 'differ'
  return `${differing} of ${plural(tensors, 'tensor')} ${verb} (${counts.join(', ')})${change}`
}

const CHANGE_COLUMNS: readonly Column[] = [
  { head: 'tensors', align: 'right' },
  { head: 'differ', align: 'right' },
  { head: 'values changed', align: 'right' },
  { head: 'largest', align: 'right' },
  { head: 'relative change', align: 'right' },
  { head: '' },
]

/** The cells of `CHANGE_COLUMNS`; bars of one page have one scale. */
function changeCells({ tensors, differing, comparison }: Tally, scale: number): string[] {
  const { values, changed, largest } = comparison
  const relative = relativeChange(comparison)
  if (values === 0) return [String(tensors), String(differing), '', '', '', '']
  return [
    String(tensors),
    String(differing),
    share(changed, values),
    largest === 0 ? '0' : String(Number(largest.toPrecision(3))),
    formatRelative(relative),
    bar(relative / scale, BAR_WIDTH),
  ]
}

/** Never 0 % where something changed, nor 100 % where something did not. */
function share(part: number, whole: number): string {
  const percent = (100 * part) / whole
  if (part === 0) return '0'
  if (part === whole) return '100 %'
  return `${Math.min(99.9, Math.max(0.1, percent)).toFixed(1)} %`
}

function largestOf(tallies: readonly Tally[]): number {
  const finite = tallies.map(({ comparison }) => relativeChange(comparison)).filter(Number.isFinite)
  return Math.max(Number.MIN_VALUE, ...finite)
}

function componentTable(tensors: readonly TensorDiff[]): string {
  const groups = byComponent(tensors)
  const scale = largestOf(groups)
  const rows = groups.map((group) => [group.title, ...changeCells(group, scale)])
  return formatTable([{ head: 'component' }, ...CHANGE_COLUMNS], rows)
}

/** For each component that changed and has several blocks. */
function blockTables(tensors: readonly TensorDiff[]): string[][] {
  const blocks = byBlock(tensors)
  const scale = largestOf(blocks)
  return byComponent(tensors)
    .map(({ component, title, changed }) => {
      const mine = blocks.filter((group) => group.component === component)
      if (changed === 0 || mine.length < 2) return []
      const rows = mine.map((group) => [group.block, ...changeCells(group, scale)])
      return [formatTable([{ head: title }, ...CHANGE_COLUMNS], rows)]
    })
    .filter((table) => table.length > 0)
}

function topTable(tensors: readonly TensorDiff[], top: number): string[] {
  const changed = tensors.filter(({ change }) => change === 'changed')
  const rows = changed
    .map((diff) => ({ diff, relative: relativeChange(diff.comparison!) }))
    .sort(
      (a, b) =>
        compareChanges(a.relative, b.relative) || b.diff.comparison!.largest - a.diff.comparison!.largest,
    )
    .slice(0, top)
    .map(({ diff, relative }) => [
      printable(diff.name, MAX_NAME),
      diff.place.block,
      formatRelative(relative),
      String(Number(diff.comparison!.largest.toPrecision(3))),
    ])
  if (rows.length === 0) return []
  const head =
    rows.length < changed.length ? `${rows.length} most changed of ${changed.length}` : 'changed tensors'
  return [
    formatTable(
      [
        { head },
        { head: 'block' },
        { head: 'relative change', align: 'right' },
        { head: 'largest', align: 'right' },
      ],
      rows,
    ),
  ]
}

/** Largest first; two infinite ones are equal. */
function compareChanges(a: number, b: number): number {
  return a === b ? 0 : b - a
}

function typeLines(tensors: readonly TensorDiff[]): string[] {
  const counts = new Map<string, number>()
  for (const { a, b, retyped } of tensors) {
    if (!a || !b || !retyped) continue
    const change = `${a.dtype} -> ${b.dtype}`
    counts.set(change, (counts.get(change) ?? 0) + 1)
  }
  const lines = [...counts].map(([change, count]) => `    ${change}: ${plural(count, 'tensor')}`)
  return lines.length > 0 ? ['  Other types', ...lines] : []
}

/** Tensors by name: how many in which component, and the first of them. */
function nameLines(title: string, tensors: readonly TensorDiff[], limit: number): string[] {
  if (tensors.length === 0) return []
  const components = byComponent(tensors).map((group) => `${group.title} ${group.tensors}`)
  const rest = tensors.length - limit
  return [
    `  ${title}: ${plural(tensors.length, 'tensor')} (${components.join(', ')})`,
    ...tensors.slice(0, limit).map((diff) => `    ${printable(diff.name, MAX_NAME)} ${shapes(diff)}`),
    ...(rest > 0 ? [`    and ${rest} more; all with --keys`] : []),
  ]
}

function shapes({ a, b }: TensorDiff): string {
  return [a, b]
    .flatMap((tensor) => (tensor ? [`${tensor.dtype} [${tensor.shape.join(', ')}]`] : []))
    .join(' -> ')
}

const MAX_VALUE = 60

function metadataLines({ added, removed, changed }: MetadataDiff, limit: number): string[] {
  const value = (text: string) => printable(text, MAX_VALUE)
  const lines = [
    ...Object.entries(changed).map(([key, { a, b }]) => `    ~ ${value(key)}: ${value(a)} -> ${value(b)}`),
    ...Object.entries(removed).map(([key, text]) => `    - ${value(key)}: ${value(text)}`),
    ...Object.entries(added).map(([key, text]) => `    + ${value(key)}: ${value(text)}`),
  ]
  if (lines.length === 0) return []
  const rest = lines.length - limit
  return [
    '  Metadata',
    ...lines.slice(0, limit),
    ...(rest > 0 ? [`    and ${rest} more; all with --keys`] : []),
  ]
}
