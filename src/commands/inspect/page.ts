import { basename } from 'node:path'
import type { Component } from '../../model/networks/components.ts'
import type { ComponentScan, Inspection, Refusal } from '../../operations/inspect/inspection.ts'
import { formatTitle } from '../../operations/inspect/json.ts'
import { errorReport } from '../../report/terminal/error.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes, formatCount } from '../../report/text/text.ts'
import { displayWidth, hanging, linesOf } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { Finding, PickleGlobal, Tensor } from '../../tensor/values/table.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'
import {
  adapterFacts,
  architectureFacts,
  embeddingFacts,
  type FactLine,
  needFacts,
  placeFacts,
  securityFacts,
} from './facts.ts'
import { messages } from './messages.ts'

/** Tags of a training set that are worth a line; the rest is in `--json`. */
const TOP_TAGS = 12
/** Keys that a page names before it counts the rest. */
const MAX_LEFTOVERS = 8

/** The page about one file. */
export function inspectionPage(inspection: Inspection, paint: Paint): string {
  const { model, identity, summary } = inspection
  const { width } = paint
  const facts = [
    ...architectureFacts(inspection),
    ...(identity.adapter ? adapterFacts(identity.adapter) : []),
    ...(identity.embedding ? embeddingFacts(identity.embedding) : []),
    ...securityFacts(model.security),
    ...placeFacts(inspection.places),
  ]
  const sections = [
    `${paint('bold', printable(inspection.path, 300))}\n  ${headline(inspection, paint)}`,
    factLines(facts, width),
    componentTable(identity.components, width),
    section(
      messages.needs,
      inspection.needs ? factLines(needFacts(inspection.needs), width - SECTION_INDENT) : '',
    ),
    section(messages.training, summaryLines(summary.training, width)),
    section(messages.topTags, tagLine(inspection, width)),
    section(messages.modelCard, summaryLines(summary.modelspec, width)),
    section(messages.merge, summaryLines(summary.merge, width)),
    section(messages.alsoInFile, leftoverTable(inspection)),
    section(messages.values, inspection.scan ? scanTable(inspection.scan) : ''),
    section(messages.hashes, factLines(Object.entries(inspection.hashes), width - SECTION_INDENT)),
    section(messages.findings, findingLines(inspection.findings, paint, SECTION_INDENT).join('\n')),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

function headline({ identity, bytes, model, remote }: Inspection, paint: Paint): string {
  const title = printable(identity.title, 200)
  const count = messages.tensorCount(model.tensors.size)
  const read = remote ? [messages.seenBy(formatBytes(remote.bytes))] : []
  const facts = [title, formatBytes(bytes), formatTitle(model.format), count, ...read]
  const text = hanging(facts.join(', '), paint.width, 2)
  return text.startsWith(title) ? paint('green', title) + text.slice(title.length) : text
}

/** Labels line up within a block, but not for the sake of a very long one. */
const MAX_LABEL_WIDTH = 26

export function factLines(facts: readonly FactLine[], width: number): string {
  const column = Math.min(MAX_LABEL_WIDTH, Math.max(0, ...facts.map(([label]) => label.length)))
  return facts
    .map(([label, value]) => {
      const head = `  ${printable(label, 60).padEnd(column)}  `
      return head + hanging(printable(value, 400), width, column + 4)
    })
    .join('\n')
}

interface Summary {
  readonly facts: readonly { readonly label: string; readonly value: string }[]
}

function summaryLines(summary: Summary | undefined, width: number): string {
  const facts = summary?.facts.map(({ label, value }) => [label, value] as const) ?? []
  return factLines(facts, width - SECTION_INDENT)
}

/** Columns that `indent` puts before the lines of a section. */
export const SECTION_INDENT = 2

export function section(title: string, body: string): string {
  return body ? `  ${title}\n${indent(body)}` : ''
}

function indent(body: string): string {
  return body
    .split('\n')
    .map((line) => ' '.repeat(SECTION_INDENT) + line)
    .join('\n')
}

function componentColumns(): Column[] {
  return [
    { head: messages.component },
    { head: messages.tensors, align: 'right' },
    { head: messages.parameters, align: 'right' },
    { head: messages.dtype },
    { head: messages.size, align: 'right' },
    { head: messages.keys },
  ]
}

/** Of those above: without the keys, and the types last, as they can be broken into lines. */
const NARROW_COLUMNS = [0, 1, 2, 4, 3] as const

/** A terminal too narrow for all columns does without the keys, which `--keys` and `--json` have, too. */
function componentTable(components: readonly Component[], width: number): string {
  if (components.length === 0) return ''
  const rows = components.map(({ title, tensors, parameters, dtypes, bytes, prefix, match }) => [
    match && match.missing.length > 0 ? messages.incomplete(title) : title,
    String(tensors),
    formatCount(parameters),
    dtypeText(dtypes),
    formatBytes(bytes),
    prefix ? `${prefix}*` : '',
  ])
  const columns = componentColumns()
  const table = formatTable(columns, rows)
  if (table.split('\n').every((line) => displayWidth(line) <= width)) return table
  const narrow = <T>(row: readonly T[]): T[] => NARROW_COLUMNS.map((i) => row[i]!)
  return formatTable(narrow(columns), rows.map(narrow), width)
}

/** "F16", or "F32 (680), F16 (6)" for a mix. */
function dtypeText(dtypes: Component['dtypes']): string {
  const entries = Object.entries(dtypes).sort(([, a], [, b]) => b - a)
  if (entries.length === 1) return entries[0]![0]
  return entries.map(([dtype, count]) => `${dtype} (${count})`).join(', ')
}

function tagLine({ summary }: Inspection, width: number): string {
  const tags = summary.training?.tags ?? []
  if (tags.length === 0) return ''
  const shown = tags.slice(0, TOP_TAGS).map(({ tag, count }) => `${printable(tag, 60)} (${count})`)
  const more = tags.length > TOP_TAGS ? [messages.more(tags.length - TOP_TAGS)] : []
  return `  ${hanging([...shown, ...more].join(', '), width - SECTION_INDENT, 2)}`
}

function leftoverTable({ model }: Inspection): string {
  const big = [...model.leftovers].sort((a, b) => b.bytes - a.bytes)
  const rows = big
    .slice(0, MAX_LEFTOVERS)
    .map(({ path, what, bytes }) => [
      printable(path, 60),
      printable(what, 60),
      bytes > 0 ? formatBytes(bytes) : '',
    ])
  if (rows.length === 0) return ''
  const more = big.length > MAX_LEFTOVERS ? `\n  ${messages.more(big.length - MAX_LEFTOVERS)}` : ''
  const columns: Column[] = [
    { head: messages.entry },
    { head: messages.what },
    { head: messages.size, align: 'right' },
  ]
  return formatTable(columns, rows) + more
}

function scanTable(scan: readonly ComponentScan[]): string {
  const columns: Column[] = [
    { head: messages.component },
    { head: messages.valueCount, align: 'right' },
    { head: messages.nan, align: 'right' },
    { head: messages.inf, align: 'right' },
    { head: messages.fp16Overflow, align: 'right' },
    { head: messages.fp16Underflow, align: 'right' },
    { head: messages.largest, align: 'right' },
  ]
  const rows = scan.map(({ component, total }) => [
    component.title,
    formatCount(total.values),
    String(total.nan),
    String(total.inf),
    String(total.overflowF16),
    formatCount(total.vanishF16),
    total.largest.toPrecision(4),
  ])
  return formatTable(columns, rows)
}

/** Names, types and shapes, as many as match. */
export function keyTable(tensors: readonly Tensor[]): string {
  const rows = tensors.map(({ name, dtype, shape }) => [printable(name, 300), dtype, `[${shape.join(', ')}]`])
  return formatTable([{ head: messages.name }, { head: messages.dtype }, { head: messages.shape }], rows)
}

/** One line for a list of files. */
export function briefLine({ path, identity, bytes, findings }: Inspection, paint: Paint): string {
  const facts = [printable(path, 300), printable(identity.title, 100), formatBytes(bytes)]
  return lineWith(facts, findings, paint)
}

/** Facts of a file in a list, then how many errors and warnings it has. */
export function lineWith(facts: readonly string[], findings: readonly Finding[], paint: Paint): string {
  const countOf = (severity: Finding['severity']) =>
    findings.filter((finding) => finding.severity === severity).length
  const [errors, warnings] = [countOf('error'), countOf('warning')]
  const notes = [
    ...(errors > 0 ? [paint('red', messages.errorCount(errors))] : []),
    ...(warnings > 0 ? [paint('yellow', messages.warningCount(warnings))] : []),
  ]
  return [...facts, ...(notes.length > 0 ? [notes.join(', ')] : [])].join('  ')
}

/** The page of a refused file: why, and for a pickle all it would have used. */
export function refusalPage({ path, bytes, error, security }: Refusal, paint: Paint): string {
  const { message, hint } = errorReport(error)
  const lines = [
    paint('bold', printable(path, 300)),
    `  ${paint('red', security ? messages.refusedPickle : messages.refused)}, ${formatBytes(bytes)}`,
    `  ${hanging(printable(message.replace(`${path}: `, ''), 1000), paint.width, 2)}`,
    ...(hint ? [`  ${hanging(hint, paint.width, 2)}`] : []),
  ]
  return `${lines.join('\n')}\n${security ? `\n${globalTable(security.globals)}\n` : ''}`
}

function globalTable(globals: readonly PickleGlobal[]): string {
  const rank = { dangerous: 0, unknown: 1, opaque: 2, construct: 3 }
  const rows = [...globals]
    .sort((a, b) => rank[a.verdict] - rank[b.verdict])
    .map(({ module, name, offset, verdict }) => [printable(`${module}.${name}`), verdict, String(offset)])
  return formatTable(
    [{ head: messages.globalNames }, { head: messages.verdict }, { head: messages.atByte, align: 'right' }],
    rows,
  )
}

export function briefRefusal({ path, error }: Refusal, paint: Paint): string {
  const { code } = errorReport(error)
  return `${printable(path, 300)}  ${paint('red', messages.refusedCode(code))}`
}

/** Value of one metadata key, or all of them, printed so that nothing in them can act on the terminal. */
export function metadataText(
  metadata: Readonly<Record<string, string>>,
  path: string,
  { width }: Paint,
): string {
  const entries = Object.entries(metadata)
  if (entries.length === 0) return `${messages.noMetadata(basename(path))}\n`
  const lines = entries.map(([key, value]) => `${printable(key, 200)}: ${printable(value, 2000)}`)
  return `${lines.map((line) => linesOf(line, width - 2).join('\n  ')).join('\n')}\n`
}
