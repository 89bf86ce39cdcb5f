import { basename } from 'node:path'
import { BASES, type BaseId } from '../../model/adapters/base.ts'
import type { AdapterInfo, ValueCount } from '../../model/adapters/info.ts'
import type { EmbeddingInfo } from '../../model/identify/embeddings.ts'
import type { Component } from '../../model/networks/components.ts'
import { PREDICTIONS } from '../../model/networks/predictions.ts'
import type { ComponentScan, Inspection, Refusal } from '../../operations/inspect/inspection.ts'
import { formatTitle } from '../../operations/inspect/json.ts'
import { errorReport } from '../../report/terminal/error.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes, formatCount, plural } from '../../report/text/text.ts'
import { displayWidth, hanging, linesOf } from '../../report/text/wrap.ts'
import { printable } from '../../system/text.ts'
import type { PickleGlobal, SecurityReport, Tensor } from '../../tensor/values/table.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'

/** Tags of a training set that are worth a line; the rest is in `--json`. */
const TOP_TAGS = 12
/** Keys that a page names before it counts the rest. */
const MAX_LEFTOVERS = 8

/** What a person reads about one file. */
export function inspectionPage(inspection: Inspection, paint: Paint): string {
  const { model, identity, summary } = inspection
  const { width } = paint
  const facts = [
    ...architectureFacts(inspection),
    ...(identity.adapter ? adapterFacts(identity.adapter) : []),
    ...(identity.embedding ? embeddingFacts(identity.embedding) : []),
    ...securityFacts(model.security),
  ]
  const sections = [
    `${paint('bold', printable(inspection.path, 300))}\n  ${headline(inspection, paint)}`,
    factLines(facts, width),
    componentTable(identity.components, width),
    section('Training', summaryLines(summary.training, width)),
    section('Top tags', tagLine(inspection, width)),
    section('Model card', summaryLines(summary.modelspec, width)),
    section('Merge', summaryLines(summary.merge, width)),
    section('Also in the file', leftoverTable(inspection)),
    section('Values', inspection.scan ? scanTable(inspection.scan) : ''),
    section('Hashes', factLines(Object.entries(inspection.hashes), width - SECTION_INDENT)),
    section('Findings', findingLines(inspection.findings, paint, SECTION_INDENT).join('\n')),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

function headline({ identity, bytes, model, remote }: Inspection, paint: Paint): string {
  const title = printable(identity.title, 200)
  const count = plural(model.tensors.size, 'tensor')
  const read = remote ? [`seen by ${formatBytes(remote.bytes)} of it`] : []
  const facts = [title, formatBytes(bytes), formatTitle(model.format), count, ...read]
  const text = hanging(facts.join(', '), paint.width, 2)
  return text.startsWith(title) ? paint('green', title) + text.slice(title.length) : text
}

export type FactLine = readonly [label: string, value: string]

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

function architectureFacts({ identity, model, summary }: Inspection): FactLine[] {
  const { architecture, ema } = identity
  const facts: FactLine[] = []
  if (identity.evidence) facts.push(['because', identity.evidence.join('; ')])
  if (architecture) {
    const { prediction } = architecture
    facts.push(['because', architecture.evidence.join('; ')])
    const { type, evidence, zeroTerminalSnr, sigmaMax } = prediction
    const noise = [
      zeroTerminalSnr ? ', zero terminal SNR' : '',
      sigmaMax === undefined ? '' : `, largest sigma ${sigmaMax}`,
    ].join('')
    facts.push(['predicts', `${PREDICTIONS[type]}${noise} (${evidence})`])
  }
  if (ema?.updates !== undefined)
    facts.push([
      'EMA',
      `${ema.updates} updates, decay ${ema.decay === undefined ? 'unknown' : Number(ema.decay.toPrecision(6))}`,
    ])
  for (const key of ['epoch', 'global_step']) {
    const value = model.extras[key]
    if (typeof value === 'number' || typeof value === 'bigint') facts.push([key, String(value)])
  }
  if (summary.recipe) {
    const { operation, inputs, sdtool } = summary.recipe
    const names = inputs.map(({ name }) => name).join(', ')
    facts.push(['made by', `sdtool ${sdtool} ${operation} from ${names}`])
  }
  if (summary.comfy) facts.push(['saved by', 'ComfyUI, with its workflow'])
  return facts
}

function adapterFacts(adapter: AdapterInfo): FactLine[] {
  const targets = adapter.targets
    .map(({ title, modules }) => `${title}: ${plural(modules, 'module')}`)
    .join(', ')
  const { base } = adapter
  const claimed = base.claimed ? [`${base.claimed} by ${base.claimedBy ?? 'metadata'}`] : []
  return [
    ['algorithm', adapter.algorithms.map(({ title, modules }) => `${title} (${modules})`).join(', ')],
    ['names', adapter.dialects.map(({ title }) => title).join('; ')],
    ['rank', distribution(adapter.ranks)],
    ['alpha', alphaLine(adapter)],
    ['changes', targets],
    ['for', [baseTitle(base.architecture), ...base.evidence, ...claimed].join('; ')],
    ...(adapter.convModules > 0 ? [['convolutions', plural(adapter.convModules, 'module')] as const] : []),
    ...(adapter.embeddings.length > 0 ? [['embeddings', adapter.embeddings.join(', ')] as const] : []),
  ]
}

function baseTitle(id: BaseId | undefined): string {
  return id === undefined ? 'unknown base' : BASES[id].title
}

function alphaLine({ alphas, withoutAlpha, settings }: AdapterInfo): string {
  const configured = settings.configs.flatMap(({ target, alpha, rankStabilised, alphas, source }) => {
    const by = `${rankStabilised ? ', rank-stabilised' : ''}${target === undefined ? '' : ` for ${target}`} by ${source}`
    const single = alphas.length === 0 ? '' : `; another for ${plural(alphas.length, 'pattern')}`
    return alpha === undefined && alphas.length === 0 ? [] : [`${alpha ?? ''}${by}${single}`]
  })
  const missing = withoutAlpha > 0 ? [`none in ${plural(withoutAlpha, 'module')} (scale 1)`] : []
  // PEFT, and who follows it, keeps alpha outside of the tensors
  const rest = configured.length > 0 ? [configured.join(', ')] : missing
  return [alphas ? distribution(alphas) : 'not fetched', ...rest].filter(Boolean).join('; ')
}

/** "16" for one value, "4 to 16, mostly 16" for several. */
function distribution(values: readonly ValueCount[]): string {
  if (values.length === 0) return ''
  const [first, last] = [values[0]!, values.at(-1)!]
  const short = (n: number) => String(Number(n.toPrecision(6)))
  if (values.length === 1) return short(first.value)
  const most = values.reduce((best, item) => (item.modules > best.modules ? item : best))
  return `${short(first.value)} to ${short(last.value)}, mostly ${short(most.value)}`
}

function embeddingFacts(embedding: EmbeddingInfo): FactLine[] {
  const { name, token, steps, trainedOn, architecture } = embedding
  const dims = embedding.parts.map(
    ({ role, vectors, dim }) => `${role === 'single' ? '' : `${role} `}${vectors} x ${dim}`,
  )
  return [
    ['vectors', dims.join(', ')],
    ...(name === undefined ? [] : [['name', name] as const]),
    ...(token === undefined ? [] : [['token', token] as const]),
    ['for', baseTitle(architecture)],
    ...(steps === undefined ? [] : [['steps', String(steps)] as const]),
    ...(trainedOn === undefined
      ? []
      : [['trained on', [trainedOn.name, trainedOn.hash].filter(Boolean).join(' ')] as const]),
  ]
}

function securityFacts(security: SecurityReport | undefined): FactLine[] {
  if (!security) return []
  const opaque = security.globals.filter(({ verdict }) => verdict === 'opaque')
  const kept =
    opaque.length > 0 ? `; ${plural(opaque.length, 'foreign class', 'foreign classes')} kept unread` : ''
  return [['pickle', `safe, nothing was run${kept}`]]
}

const COMPONENT_COLUMNS: readonly Column[] = [
  { head: 'component' },
  { head: 'tensors', align: 'right' },
  { head: 'parameters', align: 'right' },
  { head: 'dtype' },
  { head: 'size', align: 'right' },
  { head: 'keys' },
]

const NARROW_COLUMNS: readonly Column[] = [0, 1, 2, 4, 3].map((i) => COMPONENT_COLUMNS[i]!)

/** A terminal too narrow for all columns does without the keys, which `--keys` and `--json` have, too. */
function componentTable(components: readonly Component[], width: number): string {
  if (components.length === 0) return ''
  const rows = components.map(({ title, tensors, parameters, dtypes, bytes, prefix, match }) => [
    match && match.missing.length > 0 ? `${title} (incomplete)` : title,
    String(tensors),
    formatCount(parameters),
    dtypeText(dtypes),
    formatBytes(bytes),
    prefix ? `${prefix}*` : '',
  ])
  const table = formatTable(COMPONENT_COLUMNS, rows)
  if (table.split('\n').every((line) => displayWidth(line) <= width)) return table
  const narrow = rows.map(([title, tensors, parameters, dtype, size]) => [
    title!,
    tensors!,
    parameters!,
    size!,
    dtype!,
  ])
  return formatTable(NARROW_COLUMNS, narrow, width)
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
  const more = tags.length > TOP_TAGS ? [`and ${tags.length - TOP_TAGS} more`] : []
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
  const more = big.length > MAX_LEFTOVERS ? `\n  and ${big.length - MAX_LEFTOVERS} more` : ''
  return formatTable([{ head: 'entry' }, { head: 'what' }, { head: 'size', align: 'right' }], rows) + more
}

function scanTable(scan: readonly ComponentScan[]): string {
  const columns: Column[] = [
    { head: 'component' },
    { head: 'values', align: 'right' },
    { head: 'NaN', align: 'right' },
    { head: 'Inf', align: 'right' },
    { head: 'too large for fp16', align: 'right' },
    { head: 'zero in fp16', align: 'right' },
    { head: 'largest', align: 'right' },
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
  return formatTable([{ head: 'name' }, { head: 'dtype' }, { head: 'shape' }], rows)
}

/** One line for a list of files. */
export function briefLine({ path, identity, bytes, findings }: Inspection, paint: Paint): string {
  const notes = (['error', 'warning'] as const)
    .map(
      (severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const,
    )
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => paint(severity === 'error' ? 'red' : 'yellow', plural(count, severity)))
  const facts = [printable(path, 300), printable(identity.title, 100), formatBytes(bytes)]
  return [...facts, ...(notes.length > 0 ? [notes.join(', ')] : [])].join('  ')
}

/** The page of a refused file: why, and for a pickle all it would have used. */
export function refusalPage({ path, bytes, error, security }: Refusal, paint: Paint): string {
  const { message, hint } = errorReport(error)
  const lines = [
    paint('bold', printable(path, 300)),
    `  ${paint('red', security ? 'REFUSED: unsafe pickle' : 'REFUSED')}, ${formatBytes(bytes)}`,
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
    [{ head: 'the pickle names' }, { head: 'verdict' }, { head: 'at byte', align: 'right' }],
    rows,
  )
}

export function briefRefusal({ path, error }: Refusal, paint: Paint): string {
  const { code } = errorReport(error)
  return `${printable(path, 300)}  ${paint('red', `refused (${code})`)}`
}

/** Value of one metadata key, or all of them, printed so that nothing in them can act on the terminal. */
export function metadataText(
  metadata: Readonly<Record<string, string>>,
  path: string,
  { width }: Paint,
): string {
  const entries = Object.entries(metadata)
  if (entries.length === 0) return `${basename(path)} has no metadata\n`
  const lines = entries.map(([key, value]) => `${printable(key, 200)}: ${printable(value, 2000)}`)
  return `${lines.map((line) => linesOf(line, width - 2).join('\n  ')).join('\n')}\n`
}
