import { basename } from 'node:path'
import { lookupName } from '../model/adapters/keymap.ts'
import { placeOf } from '../model/adapters/targets.ts'
import { partFor } from '../model/merge-lora/base-parts.ts'
import type { MergePlan } from '../model/merge-lora/plan.ts'
import type { PartProof } from '../model/merge-lora/proof.ts'
import type { LoraPart, LoraReport } from '../model/merge-lora/report.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import type { Outcome } from '../operations/run.ts'
import { errorText } from '../report/error.ts'
import { formatTable } from '../report/table.ts'
import { painter } from '../report/text.ts'
import { nearestNames } from '../system/nearest.ts'
import type { Io } from '../system/world.ts'
import type { Finding } from '../tensor/table.ts'
import { printable, quoted } from '../tensor/text.ts'
import type { PatchCheck } from '../tensor/verify-patches.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'
import { changeTable, type PartColumn, verifiedLine } from './proof-text.ts'
import { headLine, outcomeJson, resultLine, stepTable } from './transform-report.ts'

/** What became of a merge. */
export interface MergeOutcome extends Outcome {
  readonly loras: readonly LoraReport[]
  /** What was done, part by part; once something has been written. */
  readonly proof?: readonly PartProof[]
  /** What the check of the written file found. */
  readonly verified?: PatchCheck
}

/** The page, or the document; a problem first, and on stderr. */
export function printMerge(outcome: MergeOutcome, options: OutputOptions, io: Io): void {
  if (outcome.error !== undefined) io.stderr.write(errorText(outcome.error, options.verbose))
  const document = { command: 'merge-lora', dryRun: options.dryRun, results: [outcomeJson(outcome)] }
  io.stdout.write(options.json ? `${toJson(document)}\n` : mergePage(outcome, options.verbose, io))
}

const MODULES: PartColumn<PartProof> = {
  head: 'modules',
  align: 'right',
  cell: ({ modules }) => String(modules),
}

function mergePage(outcome: MergeOutcome, verbose: boolean, io: Io): string {
  const paint = painter(io.stdout, io.env)
  const { loras, steps = [], proof = [], verified, findings } = outcome
  const lines = [
    headLine(outcome, paint),
    loraTable(loras),
    stepTable(steps, paint),
    ...(proof.length > 0 ? [changeTable(proof, [MODULES])] : []),
    ...findingLines(findings, paint),
    ...(verbose ? loras.flatMap(unmatchedLines) : []),
    ...(verified ? [verifiedLine(verified)] : []),
    ...resultLine(outcome, paint),
  ]
  return `${lines.join('\n')}\n`
}

function loraTable(loras: readonly LoraReport[]): string {
  const rows = loras.flatMap(({ name, parts }) => {
    return parts.map((part, i) => [i === 0 ? printable(basename(name), 80) : '', ...partCells(part)])
  })
  return formatTable(
    [
      { head: 'adapter' },
      { head: 'for' },
      { head: 'algorithm' },
      { head: 'rank', align: 'right' },
      { head: 'ratio', align: 'right' },
      { head: 'matched', align: 'right' },
      { head: 'unmatched', align: 'right' },
      { head: 'left out', align: 'right' },
    ],
    rows,
  )
}

function partCells(part: LoraPart): string[] {
  const { title, algorithms, ranks, ratio, blockRatios, matched, unmatched, leftOut } = part
  return [
    title,
    algorithms.join(', ') || '-',
    ranks === undefined ? '-' : rangeText(ranks, '-'),
    rangeText(blockRatios ?? [ratio, ratio], '..'),
    ...[matched, unmatched, leftOut].map(String),
  ]
}

function rangeText([low, high]: readonly [number, number], to: string): string {
  return low === high ? String(low) : `${low}${to}${high}`
}

/** All of what findings name the first few of. */
function unmatchedLines({ unmatched }: LoraReport): string[] {
  return unmatched.map(({ name, reason }) => `    ${reason} ${printable(name, 300)}`)
}

/** Names helped for each adapter; a list of all would bury the reason. */
const MAX_NEAREST = 3

/** For names that no layer has, the ones most like them. */
export function nearestFindings({ loras, parts }: MergePlan): Finding[] {
  return loras.flatMap(({ unmatched }) => {
    const unknown = unmatched.filter(({ reason }) => reason === 'unknown-name').slice(0, MAX_NEAREST)
    return unknown.flatMap(({ name, target }): Finding[] => {
      const path = lookupName(placeOf(name).path)
      const known = partFor(parts, target)?.names.keys() ?? []
      const [nearest] = nearestNames(path, known, 1)
      if (nearest === undefined) return []
      return [
        {
          code: 'nearest-name',
          severity: 'info',
          message: `the layer most like ${quoted(name)} is ${quoted(nearest)}`,
        },
      ]
    })
  })
}
