import Table from 'cli-table3'
import { displayWidth, linesOf } from './wrap.ts'

export interface Column {
  readonly head: string
  readonly align?: 'left' | 'right'
}

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const

const INDENT = 2
const GAP = BORDERLESS.middle.length

/**
 * A table without lines, indented by two spaces: readable on a terminal, and still easy to cut with tools.
 * @param width columns of the terminal; the last column of the table is broken into lines to fit
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map(fitted(columns, rows, width)))
  return table
    .toString()
    .split('\n')
    .map((line) => `${' '.repeat(INDENT)}${line}`.trimEnd())
    .join('\n')
}

/** Rows with a last cell that is no wider than what the others leave. */
function fitted(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): (row: readonly string[]) => string[] {
  const others = columns.slice(0, -1).map(({ head }, i) => {
    return Math.max(...[head, ...rows.map((row) => row[i] ?? '')].map(displayWidth)) + GAP
  })
  const room = others.reduce((left, taken) => left - taken, width - INDENT)
  return (row) => [...row.slice(0, -1), linesOf(row.at(-1) ?? '', room).join('\n')]
}
