import { basename } from 'node:path'
import type { LoraMergePlan } from '../../operations/lora-merge/lora-merge.ts'
import { formatTable } from '../../report/text/table.ts'
import { plural } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import { findingLines } from '../shared/findings-text.ts'
import { madeFile, madeLine, type OutcomeView } from '../shared/transform-report.ts'

/** The LoRAs, and their sum. */
export const LORA_MERGE_VIEW: OutcomeView = {
  json(outcome) {
    const plan = outcome.plan as LoraMergePlan
    const loras = plan.loras.map(({ file: { name, adapter }, ratio }) => ({
      name,
      ratio,
      modules: adapter.modules,
    }))
    return { ...madeFile(outcome), loras, ...figures(plan) }
  },
  page(outcome, _verbose, paint) {
    const plan = outcome.plan as LoraMergePlan
    const { rounded, dtype } = figures(plan)
    const exact =
      rounded === 0
        ? 'exact: no factor was changed'
        : `the factors of ${plural(rounded, 'module')} were multiplied and rounded once to ${dtype}`
    const lines = [
      loraTable(plan),
      `  - ${exact}`,
      ...findingLines(outcome.findings, paint),
      madeLine(outcome, paint),
    ]
    return `${lines.join('\n')}\n`
  },
}

function figures({ modules, dtype }: LoraMergePlan) {
  const ranks = modules.map(({ rank }) => rank)
  const rounded = modules.filter((module) => module.rounded).length
  return { modules: modules.length, ranks: [Math.min(...ranks), Math.max(...ranks)], dtype, rounded }
}

function loraTable(plan: LoraMergePlan): string {
  const { modules, ranks } = figures(plan)
  const rows = plan.loras.map(({ file: { name, adapter }, ratio: { unet, text } }) => [
    printable(basename(name), 80),
    unet === text ? String(unet) : `${unet}:${text}`,
    String(adapter.modules),
    adapter.ranks.map(({ value }) => value).join(', '),
  ])
  const sum = ['sum', '', String(modules), ranks[0] === ranks[1] ? String(ranks[0]) : ranks.join('-')]
  return formatTable(
    [
      { head: 'LoRA' },
      { head: 'ratio', align: 'right' },
      { head: 'modules', align: 'right' },
      { head: 'rank', align: 'right' },
    ],
    [...rows, sum],
  )
}
