import type { PartChange } from '../../operations/output/patch-proof.ts'
import { type Column, formatTable } from '../../report/text/table.ts'
import { formatBytes, plural } from '../../report/text/text.ts'
import type { PatchCheck } from '../../tensor/write/verify-patches.ts'

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
    { head: 'changed', cell: ({ title }) => title },
    ...more,
    { head: 'tensors', align: 'right', cell: ({ tensors }) => String(tensors) },
    {
      head: 'change / weights',
      align: 'right',
      cell: ({ relative }) => (relative === null ? '-' : percent(relative)),
    },
    { head: 'lost to rounding', align: 'right', cell: ({ lost }) => percent(lost) },
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
  return (
    `  verified: ${formatBytes(bytes)} of ${plural(tensors, 'changed tensor')} read back; ` +
    `${plural(rows, 'row')} of them computed again in binary64: ${exact} % correctly rounded, ` +
    `none off by more than ${worst.toFixed(2)} ulp`
  )
}
