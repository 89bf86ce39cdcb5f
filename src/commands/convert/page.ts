/** What became of a whole folder of diffusers. */
import type { FolderOutcome } from '../../operations/convert/folder.ts'
import { envelope, findingJson, printResults } from '../../report/document/envelope.ts'
import { formatBytes, painter, plural } from '../../report/text/text.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { findingLines } from '../shared/findings-text.ts'
import type { WritingOptions } from '../shared/options.ts'
import type { FolderResult } from '../shared/outcome-schema.ts'

export function printFolder(outcome: FolderOutcome, output: WritingOptions, world: World): void {
  const document = envelope('convert', { results: [folderJson(outcome)], dryRun: output.dryRun }, world)
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
      ({ folder, tensors, bytesAfter }) =>
        `  ${folder}: ${plural(tensors, 'tensor')}, ${formatBytes(bytesAfter)}`,
    ),
    ...findingLines(findings, paint),
    status === 'planned'
      ? `  would write ${printable(output, 300)}/`
      : `  ${paint('green', 'wrote')} ${printable(output, 300)}/: ${formatBytes(bytes)}`,
  ]
  return `${lines.join('\n')}\n`
}
