import type { TensorDiff } from '../../model/diff/diff.ts'
import type { MetadataDiff } from '../../model/diff/metadata.ts'
import { byBlock, byComponent, type Tally } from '../../model/diff/summary.ts'
import { formatTitle } from '../../operations/inspect/json.ts'
import type { InputModel } from '../../operations/operation.ts'
import { bar, formatRelative } from '../../report/text/relative.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import { relativeChange } from '../../tensor/values/compare.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'
import { messages } from './messages.ts'
import type { DiffReport } from './report.ts'

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

/** The page about two files. */
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
      messages.otherShapes,
      tensors.filter(({ reshaped }) => reshaped),
      limit,
    ),
    nameLines(
      messages.otherValues,
      tensors.filter(({ change, reshaped }) => change === 'incomparable' && !reshaped),
      limit,
    ),
    nameLines(
      messages.onlyInA,
      tensors.filter(({ change }) => change === 'removed'),
      limit,
    ),
    nameLines(
      messages.onlyInB,
      tensors.filter(({ change }) => change === 'added'),
      limit,
    ),
    metadataLines(metadata, limit),
    plot === undefined ? [] : [`  ${paint('green', messages.wrote)} ${printable(plot, 300)}`],
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function fileLine(letter: string, { name, file, identity }: InputModel, paint: Paint): string {
  const facts = [
    printable(identity.title, MAX_NAME),
    formatBytes(file.file.size),
    formatTitle(file.format),
    messages.tensorCount(file.tensors.size),
  ]
  return `${paint('bold', letter)}  ${paint('bold', printable(name, 300))}: ${facts.join(', ')}`
}

function emaLine(a: InputModel, b: InputModel): string {
  const isBoth = a.identity.ema !== undefined && b.identity.ema !== undefined
  return `   ${isBoth ? messages.emaInBoth : messages.emaInOne(a.identity.ema ? 'a' : 'b')}`
}

function summaryLine({ total, metadata }: DiffReport): string {
  const { tensors, differing, comparison } = total
  const otherText = Object.values(metadata).some((entries) => Object.keys(entries).length > 0)
  if (differing === 0) {
    return otherText ? messages.metadataDiffers(tensors) : messages.identical(tensors)
  }
  const parts = [
    [total.changed, messages.changedCount],
    [total.incomparable, messages.incomparableCount],
    [total.retyped, messages.retypedCount],
    [total.reshaped, messages.reshapedCount],
    [total.removed, messages.onlyInACount],
    [total.added, messages.onlyInBCount],
  ] as const
  const counts = parts.flatMap(([count, text]) => (count > 0 ? [text(count)] : [])).join(', ')
  return comparison.values > 0
    ? messages.differingBy(differing, tensors, counts, formatRelative(relativeChange(comparison)))
    : messages.differing(differing, tensors, counts)
}

function changeColumns(): Column[] {
  return [
    { head: messages.tensors, align: 'right' },
    { head: messages.differ, align: 'right' },
    { head: messages.valuesChanged, align: 'right' },
    { head: messages.largest, align: 'right' },
    { head: messages.relativeChange, align: 'right' },
    { head: '' },
  ]
}

/** The cells of `changeColumns`; bars of one page have one scale. */
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
  return formatTable([{ head: messages.component }, ...changeColumns()], rows)
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
      return [formatTable([{ head: title }, ...changeColumns()], rows)]
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
    rows.length < changed.length ? messages.mostChanged(rows.length, changed.length) : messages.changedTensors
  return [
    formatTable(
      [
        { head },
        { head: messages.block },
        { head: messages.relativeChange, align: 'right' },
        { head: messages.largest, align: 'right' },
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
  const lines = [...counts].map(([change, count]) => `    ${change}: ${messages.tensorCount(count)}`)
  return lines.length > 0 ? [`  ${messages.otherTypes}`, ...lines] : []
}

/** Tensors by name: how many in which component, and the first of them. */
function nameLines(title: string, tensors: readonly TensorDiff[], limit: number): string[] {
  if (tensors.length === 0) return []
  const components = byComponent(tensors).map((group) => `${group.title} ${group.tensors}`)
  const rest = tensors.length - limit
  return [
    `  ${title}: ${messages.tensorCount(tensors.length)} (${components.join(', ')})`,
    ...tensors.slice(0, limit).map((diff) => `    ${printable(diff.name, MAX_NAME)} ${shapes(diff)}`),
    ...(rest > 0 ? [`    ${messages.more(rest)}`] : []),
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
    `  ${messages.metadata}`,
    ...lines.slice(0, limit),
    ...(rest > 0 ? [`    ${messages.more(rest)}`] : []),
  ]
}
