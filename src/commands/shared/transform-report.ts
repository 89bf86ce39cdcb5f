import type { Plan, PlanStep } from '../../operations/plan.ts'
import type { Outcome } from '../../operations/run.ts'
import {
  documentText,
  type Envelope,
  envelope,
  findingJson,
  type JsonResult,
  pathLines,
  printResults,
} from '../../report/document/envelope.ts'
import { errorJson, errorText } from '../../report/terminal/error.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, painter } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import type { WritingOptions } from '../shared/options.ts'
import { findingLines, type Paint } from './findings-text.ts'
import { messages } from './messages.ts'
import type { MadeResult, OutcomeResult } from './outcome-schema.ts'

/** Prints the outcome of each input: a page at once, or all in one document with `--json`; a summary of several. */
export interface ResultPrinter {
  print(outcome: Outcome): void
  end(): void
}

/** How the outcomes of an operation are shown. */
export interface OutcomeView<P extends Plan = Plan, Part = unknown> {
  page(outcome: Outcome<P, Part>, verbose: boolean, paint: Paint): string
  json(outcome: Outcome<P, Part>): JsonResult
}

export const PLAIN_VIEW: OutcomeView = { page: outcomePage, json: outcomeJson }

/** Errors go to stderr; what is known besides is still shown. */
export function resultPrinter(
  verb: string,
  options: WritingOptions,
  world: World,
  view: OutcomeView = PLAIN_VIEW,
): ResultPrinter {
  const outcomes: Outcome[] = []
  const paint = painter(world.stdout, world.env)
  return {
    print(outcome) {
      outcomes.push(outcome)
      if (outcome.error !== undefined) world.stderr.write(errorText(outcome.error, options.verbose))
      const isKnown = outcome.error === undefined || outcome.steps !== undefined
      if (isKnown && !options.json && !options.quiet)
        world.stdout.write(view.page(outcome, options.verbose, paint))
    },
    end() {
      const document = outcomeDocument(verb, outcomes, options, world, view)
      if (options.json) world.stdout.write(documentText(document))
      else if (options.quiet) world.stdout.write(pathLines(document.results))
      else if (outcomes.length > 1) world.stdout.write(`\n${summary(outcomes)}\n`)
    },
  }
}

/** What became of all inputs, for programs. */
export function outcomeDocument(
  verb: string,
  outcomes: readonly Outcome[],
  { dryRun }: Pick<WritingOptions, 'dryRun'>,
  world: Pick<World, 'version'>,
  view = PLAIN_VIEW,
): Envelope {
  return envelope(verb, { results: outcomes.map(view.json), dryRun }, world)
}

/** The same for people. */
export function outcomePages(
  outcomes: readonly Outcome[],
  { verbose }: Pick<WritingOptions, 'verbose'>,
  world: Pick<World, 'stdout' | 'env'>,
  view: OutcomeView,
): string {
  const paint = painter(world.stdout, world.env)
  return outcomes.map((outcome) => view.page(outcome, verbose, paint)).join('')
}

/** The outcome as programs get it. */
export function outcomeJson(outcome: Outcome): OutcomeResult | MadeResult {
  return outcome.what === undefined ? plainJson(outcome) : { ...outcome.facts, ...madeFile(outcome) }
}

function plainJson(outcome: Outcome): OutcomeResult {
  const { title, bytesBefore, steps, proof, verified } = outcome
  return {
    ...madeFile(outcome),
    title: title ?? null,
    bytesBefore: bytesBefore ?? null,
    steps: steps?.map(({ names, ...step }) => step) ?? null,
    proof: (proof as OutcomeResult['proof'] | undefined) ?? null,
    verified: verified ?? null,
  }
}

/** What is said of an output that is made anew: nothing of it is that of an input. */
export function madeFile(outcome: Outcome): MadeResult {
  const { input, status, output, bytesAfter, tensors, findings, seconds, error } = outcome
  return {
    path: input,
    status,
    output: output ?? null,
    bytesAfter: bytesAfter ?? null,
    tensors: tensors ?? null,
    findings: findings.map(findingJson),
    seconds: seconds ?? null,
    error: error === undefined ? null : errorJson(error),
  }
}

function outcomePage(outcome: Outcome, verbose: boolean, paint: Paint): string {
  const { steps = [], findings, what } = outcome
  if (what !== undefined) return describedPage([outcome], paint)
  const lines = [
    headLine(outcome, paint),
    ...(steps.length > 0 ? [stepTable(steps, paint)] : []),
    ...(verbose ? steps.filter(({ action }) => action !== 'keep').flatMap(stepNames) : []),
    ...findingLines(findings, paint),
    ...resultLine(outcome, paint),
  ]
  return `${lines.join('\n')}\n`
}

/** Of outputs that are not another form of their one input: what they are. */
function describedPage(outcomes: readonly Outcome[], paint: Paint): string {
  const { input, title = '' } = outcomes[0]!
  const lines = outcomes.flatMap((outcome) => [
    `  ${printable(outcome.what ?? '', 300)}`,
    ...findingLines(outcome.findings, paint),
    ...(outcome.status === 'skipped' ? [] : [madeLine(outcome, paint)]),
  ])
  return `${[`${paint('bold', printable(input, 300))}: ${printable(title)}`, ...lines].join('\n')}\n`
}

/** The same where one input became several files. */
export function printDescribed(
  verb: string,
  outcomes: readonly Outcome[],
  options: WritingOptions,
  world: World,
): void {
  const document = outcomeDocument(verb, outcomes, options, world)
  printResults(document, () => describedPage(outcomes, painter(world.stdout, world.env)), options, world)
}

/** What was written, or would be: of a file that is made anew, its own size says all. */
export function madeLine(
  {
    output = '',
    bytesAfter = 0,
    tensors = 0,
    seconds,
  }: Pick<Outcome, 'output' | 'bytesAfter' | 'tensors' | 'seconds'>,
  paint: Paint,
): string {
  const what = `${printable(output, 300)}: ${formatBytes(bytesAfter)}, ${messages.tensorCount(tensors)}`
  if (seconds === undefined) return `  ${messages.wouldWrite(what)}`
  return `  ${paint('green', messages.wrote)} ${what}, ${messages.seconds(seconds.toFixed(1))}`
}

/** The input, what it is, its size. */
export function headLine({ input, title = '', bytesBefore = 0 }: Outcome, paint: Paint): string {
  return `${paint('bold', printable(input, 300))}: ${printable(title)}, ${formatBytes(bytesBefore)}`
}

export function stepTable(steps: readonly PlanStep[], { width }: Paint): string {
  const rows = steps.map(({ action, what, tensors, bytesBefore, bytesAfter, why }) => [
    action,
    what,
    String(tensors),
    formatBytes(bytesBefore),
    action === 'drop' ? '-' : formatBytes(bytesAfter),
    why,
  ])
  return formatTable(
    [
      { head: messages.action },
      { head: messages.what },
      { head: messages.tensors, align: 'right' },
      { head: messages.before, align: 'right' },
      { head: messages.after, align: 'right' },
      { head: messages.why },
    ],
    rows,
    width,
  )
}

function stepNames({ action, names }: PlanStep): string[] {
  return names.map((name) => `    ${action} ${printable(name, 300)}`)
}

export function resultLine(outcome: Outcome, paint: Paint): string[] {
  const { status, output = '', bytesBefore = 0, bytesAfter = 0, tensors = 0, seconds } = outcome
  if (status === 'skipped' || status === 'failed') return [`  ${messages.nothingWritten}`]
  const sizes = `${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}, ${messages.tensorCount(tensors)}`
  const what = `${printable(output, 300)}: ${sizes}`
  if (status === 'planned') return [`  ${messages.wouldWrite(what)}`]
  return [`  ${paint('green', messages.wrote)} ${what}, ${messages.seconds((seconds ?? 0).toFixed(1))}`]
}

function summary(outcomes: readonly Outcome[]): string {
  const count = (status: Outcome['status']) => outcomes.filter((outcome) => outcome.status === status).length
  const parts = (['written', 'planned', 'skipped', 'failed'] as const)
    .map((status) => [count(status), status] as const)
    .filter(([n]) => n > 0)
    .map(([n, status]) => messages.outcomeCount(n, status))
  const [before, after] = (['bytesBefore', 'bytesAfter'] as const).map((key) =>
    outcomes
      .filter(({ status }) => status === 'written' || status === 'planned')
      .reduce((sum, outcome) => sum + (outcome[key] ?? 0), 0),
  )
  return messages.filesSummary(outcomes.length, parts.join(', '), formatBytes(before!), formatBytes(after!))
}
