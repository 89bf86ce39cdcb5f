/** The page of a whole diffusers folder. */

import type { FolderOutcome } from '../../operations/convert/folder.ts'
import { envelope, findingJson, printResults } from '../../report/document/envelope.ts'
import { painter } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { findingLines } from '../shared/findings-text.ts'
import { messages as shared } from '../shared/messages.ts'
import type { WritingOptions } from '../shared/options.ts'
import type { FolderResult } from '../shared/outcome-schema.ts'
import { messages } from './messages.ts'

export function printFolder(
  command: string,
  outcome: FolderOutcome,
  output: WritingOptions,
  world: World,
): void {
  const document = envelope(command, { results: [folderJson(outcome)], dryRun: output.dryRun }, world)
  printResults(document, () => folderPage(outcome, world), output, world)
}

function folderJson({ input, title, status, output, parts, findings }: FolderOutcome): FolderResult {
  return { path: input, title, status, output, parts, findings: findings.map(findingJson), error: null }
}

function folderPage({ input, title, status, output, parts, findings }: FolderOutcome, world: World): string {
  const paint = painter(world.stdout, world.env)
  const bytes = parts.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0)
  const lines = [
    `${paint('bold', printable(input, 300))}: ${printable(title)}`,
    ...parts.map(
      ({ folder, tensors, bytesAfter }) => `  ${messages.folderPart(folder, tensors, bytesAfter)}`,
    ),
    ...findingLines(findings, paint),
    status === 'planned'
      ? `  ${shared.wouldWrite(`${printable(output, 300)}/`)}`
      : `  ${paint('green', shared.wrote)} ${messages.wroteFolder(printable(output, 300), bytes)}`,
  ]
  return `${lines.join('\n')}\n`
}
