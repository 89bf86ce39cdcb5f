import { basename } from 'node:path'
import type { CheckpointMergePlan } from '../../operations/merge/plan.ts'
import type { PartChange } from '../../operations/output/patch-proof.ts'
import type { Outcome } from '../../operations/run.ts'
import { formatTable } from '../../report/text/table.ts'
import { defined } from '../../system/defined.ts'
import { printable } from '../../system/text.ts'
import type { MergeMethod } from '../../tensor/merge/method.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import { findingLines, type Paint } from '../shared/findings-text.ts'
import { changeTable, verifiedLine } from '../shared/proof-text.ts'
import { headLine, type OutcomeView, outcomeJson, resultLine, stepTable } from '../shared/transform-report.ts'
import { messages } from './messages.ts'

type MergeOutcome = Outcome<CheckpointMergePlan, PartChange>

export const MERGE_VIEW: OutcomeView<CheckpointMergePlan, PartChange> = {
  page,
  json: (outcome) => ({ ...outcomeJson(outcome), models: outcome.plan?.models ?? [] }),
}

/** The methods with what they compute, for the help. */
export function methodLines(): string[] {
  return [messages.methods, ...MERGE_METHODS.flatMap(linesOfMethod)]
}

function linesOfMethod({ id, formula, definition, alpha, beta, density, models }: MergeMethod): string[] {
  const hasOneDefault = alpha.takes === 'one' || models[1] === 2
  const numbers = {
    alpha: alpha.describe(),
    ...(hasOneDefault && { alphaDefault: alpha.byDefault(models[0]) }),
    ...defined({ beta, density }),
  }
  return [`  ${id}: ${formula()}`, `      ${messages.methodNumbers(numbers, definition())}`]
}

function page(outcome: MergeOutcome, _verbose: boolean, paint: Paint): string {
  const { plan, steps = [], proof = [], verified, findings } = outcome
  const lines = [
    headLine(outcome, paint),
    formatTable(
      [{ head: messages.model }, { head: messages.file }, { head: messages.what }],
      (plan?.models ?? []).map(({ letter, name, title }) => [letter, printable(basename(name), 100), title]),
    ),
    stepTable(steps, paint),
    ...(proof.length > 0 ? [changeTable(proof)] : []),
    ...findingLines(findings, paint),
    ...(verified ? [verifiedLine(verified)] : []),
    ...resultLine(outcome, paint),
  ]
  return `${lines.join('\n')}\n`
}
