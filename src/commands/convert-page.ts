/** What became of a whole folder of diffusers. */
import type { FolderOutcome } from '../operations/convert/folder.ts'
import type { OutputOptions } from '../operations/output/options.ts'
import { formatBytes, painter, plural } from '../report/text.ts'
import type { Io } from '../system/world.ts'
import { printable } from '../tensor/text.ts'
import { findingLines } from './findings-text.ts'
import { toJson } from './inspect-json.ts'

export function printFolder(outcome: FolderOutcome, { json, dryRun }: OutputOptions, io: Io): void {
  const { input, title, status, output, parts, findings } = outcome
  if (json) {
    io.stdout.write(`${toJson({ command: 'convert', dryRun, results: [outcome] })}\n`)
    return
  }
  const paint = painter(io.stdout, io.env)
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
  io.stdout.write(`${lines.join('\n')}\n`)
}
