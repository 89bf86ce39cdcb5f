import type { PartChange } from '../../operations/output/patch-proof.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes } from '../../report/text/text.ts'
import type { PatchCheck } from '../../tensor/write/verify-patches.ts'
import { messages } from './messages.ts'

/** A column of a table with a value for each part. */
export interface PartColumn<T> extends Column {
  readonly cell: (part: T) => string
}

/** How much each part of the model changed, and what rounding took of that. */
export function changeTable<T extends PartChange>(
  parts: readonly T[],
  more: readonly PartColumn<T>[] = [],
): string {
  const columns: PartColumn<T>[] = [
    { head: messages.changed, cell: ({ title }) => title },
    ...more,
    { head: messages.tensors, align: 'right', cell: ({ tensors }) => String(tensors) },
    {
      head: messages.relativeChange,
      align: 'right',
      cell: ({ relative }) => (relative === null ? '-' : percent(relative)),
    },
    { head: messages.lostToRounding, align: 'right', cell: ({ lost }) => percent(lost) },
  ]
  return formatTable(
    columns,
    parts.map((part) => columns.map(({ cell }) => cell(part))),
  )
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`
}

export function verifiedLine({ tensors, bytes, rows, values, correct, worst }: PatchCheck): string {
  const exact = Math.floor((1e4 * correct) / values) / 100
  const facts = { bytes: formatBytes(bytes), tensors, rows, exact, worst: worst.toFixed(2) }
  return `  ${messages.verified(facts)}`
}
