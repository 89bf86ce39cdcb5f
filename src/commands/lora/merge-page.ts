import { basename } from 'node:path'
import type { LoraMergePlan } from '../../operations/lora-merge/lora-merge.ts'
import { formatTable } from '../../report/text/table.ts'
import { printable } from '../../system/text.ts'
import { findingLines } from '../shared/findings-text.ts'
import { madeFile, madeLine, type OutcomeView } from '../shared/transform-report.ts'
import { messages } from './messages.ts'

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
    const exact = rounded === 0 ? messages.exact : messages.rounded(rounded, dtype)
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
  const sum = [messages.sum, '', String(modules), ranks[0] === ranks[1] ? String(ranks[0]) : ranks.join('-')]
  return formatTable(
    [
      { head: 'LoRA' },
      { head: messages.ratioHead, align: 'right' },
      { head: messages.modules, align: 'right' },
      { head: messages.rankHead, align: 'right' },
    ],
    [...rows, sum],
  )
}
