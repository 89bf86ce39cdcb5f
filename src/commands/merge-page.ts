import { basename } from 'node:path'
import type { PartChange } from '../model/patch-proof.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import type { Outcome } from '../operations/run.ts'
import { errorText } from '../report/error.ts'
import { formatTable } from '../report/table.ts'
import { painter } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { MERGE_METHODS } from '../tensor/merge/registry.ts'
import { printable } from '../tensor/text.ts'
import type { PatchCheck } from '../tensor/verify-patches.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'
import { changeTable, verifiedLine } from './proof-text.ts'
import { headLine, outcomeJson, resultLine, stepTable } from './transform-report.ts'

/** What became of a merge of checkpoints. */
export interface CheckpointMergeOutcome extends Outcome {
  readonly models: readonly { readonly letter: string; readonly name: string; readonly title: string }[]
  /** How much each part changed, beside A; once something has been written. */
  readonly proof?: readonly PartChange[]
  readonly verified?: PatchCheck
}

/** The methods with what they compute, for the help. */
export function methodLines(): string[] {
  return [
    'Methods (A, B, C: the models in their order):',
    ...MERGE_METHODS.flatMap(({ id, formula, definition, alpha, beta, density, models }) => {
      const numbers = [
        `alpha: ${alpha.describe}${alpha.takes === 'one' || models[1] === 2 ? ` (${alpha.byDefault(models[0])})` : ''}`,
        ...(beta === undefined ? [] : [`beta (${beta})`]),
        ...(density === undefined ? [] : [`density (${density})`]),
      ]
      return [`  ${id}: ${formula}`, `      ${numbers.join('; ')}. ${definition}`]
    }),
  ]
}

/** The page, or the document; a problem first, and on stderr. */
export function printCheckpointMerge(outcome: CheckpointMergeOutcome, options: OutputOptions, io: Io): void {
  if (outcome.error !== undefined) io.stderr.write(errorText(outcome.error, options.verbose))
  const document = { command: 'merge', dryRun: options.dryRun, results: [outcomeJson(outcome)] }
  io.stdout.write(options.json ? `${toJson(document)}\n` : page(outcome, io))
}

function page(outcome: CheckpointMergeOutcome, io: Io): string {
  const paint = painter(io.stdout, io.env)
  const { models, steps = [], proof = [], verified, findings } = outcome
  const lines = [
    headLine(outcome, paint),
    formatTable(
      [{ head: 'model' }, { head: 'file' }, { head: 'what' }],
      models.map(({ letter, name, title }) => [letter, printable(basename(name), 100), title]),
    ),
    stepTable(steps, paint),
    ...(proof.length > 0 ? [changeTable(proof)] : []),
    ...findingLines(findings, paint),
    ...(verified ? [verifiedLine(verified)] : []),
    ...resultLine(outcome, paint),
  ]
  return `${lines.join('\n')}\n`
}
