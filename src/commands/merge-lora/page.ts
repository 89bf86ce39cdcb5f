import { basename } from 'node:path'
import type { MergeLoraPlan } from '../../operations/merge-lora/plan.ts'
import type { PartProof } from '../../operations/merge-lora/proof.ts'
import type { LoraPart, LoraReport } from '../../operations/merge-lora/report.ts'
import type { Outcome } from '../../operations/run.ts'
import { withNulls } from '../../report/document/envelope.ts'
import { formatTable } from '../../report/text/table.ts'
import { printable } from '../../system/text.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'
import type { LoraReportJson } from '../shared/outcome-schema.ts'
import { changeTable, type PartColumn, verifiedLine } from '../shared/proof-text.ts'
import { headLine, type OutcomeView, outcomeJson, resultLine, stepTable } from '../shared/transform-report.ts'
import { messages } from './messages.ts'

type MergeOutcome = Outcome<MergeLoraPlan, PartProof>

/** What the LoRAs did, and what of them did nothing. */
export const MERGE_LORA_VIEW: OutcomeView<MergeLoraPlan, PartProof> = {
  page: mergePage,
  json: (outcome) => ({ ...outcomeJson(outcome), loras: lorasOf(outcome).map(loraJson) }),
}

function lorasOf({ plan }: MergeOutcome): readonly LoraReport[] {
  return plan?.loras ?? []
}

function loraJson({ parts, unmatched, ...lora }: LoraReport): LoraReportJson {
  return {
    ...lora,
    parts: parts.map((part) => withNulls(part, 'ranks', 'blockRatios')),
    unmatched: unmatched.map((one) => withNulls(one, 'detail')),
  }
}

function modulesColumn(): PartColumn<PartProof> {
  return { head: messages.modules, align: 'right', cell: ({ modules }) => String(modules) }
}

function mergePage(outcome: MergeOutcome, verbose: boolean, paint: Paint): string {
  const { steps = [], proof = [], verified, findings } = outcome
  const loras = lorasOf(outcome)
  const lines = [
    headLine(outcome, paint),
    loraTable(loras),
    stepTable(steps, paint),
    ...(proof.length > 0 ? [changeTable(proof, [modulesColumn()])] : []),
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
      { head: messages.adapter },
      { head: messages.for },
      { head: messages.algorithm },
      { head: messages.rank, align: 'right' },
      { head: messages.ratioHead, align: 'right' },
      { head: messages.matched, align: 'right' },
      { head: messages.unmatched, align: 'right' },
      { head: messages.leftOut, align: 'right' },
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
