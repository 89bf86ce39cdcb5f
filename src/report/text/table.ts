import { displayWidth, linesOf } from './wrap.ts'

export interface Column {
  readonly head: string
  readonly align?: 'left' | 'right'
}

type Row = readonly string[]

const INDENT = '  '
const GAP = '  '

/**
 * A table without lines, indented by two spaces: readable on a terminal, and still easy to cut with tools. Written by
 * hand, as the table libraries take a millisecond a row, and some tables have a row for each of 200,000 tensors.
 * @param width columns of the terminal; the last column of the table is broken into lines to fit
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly Row[],
  width = Number.POSITIVE_INFINITY,
): string {
  const all = [columns.map(({ head }) => head), ...rows]
  const widths = columns.map((_, i) => widest(all, i))
  const room = widths.slice(0, -1).reduce((left, taken) => left - taken - GAP.length, width - INDENT.length)
  return all.flatMap((row) => linesOfRow(fitted(row, room), columns, widths)).join('\n')
}

function widest(rows: readonly Row[], column: number): number {
  return rows.reduce((most, row) => Math.max(most, displayWidth(row[column] ?? '')), 0)
}

/** The row with its last cell in lines no wider than what the others leave. */
function fitted(row: Row, room: number): string[][] {
  return row.map((cell, i) => (i === row.length - 1 ? linesOf(cell, room) : [cell]))
}

function linesOfRow(
  cells: readonly string[][],
  columns: readonly Column[],
  widths: readonly number[],
): string[] {
  const height = Math.max(...cells.map(({ length }) => length))
  return Array.from({ length: height }, (_, line) => {
    const padded = cells.map((cell, i) => pad(cell[line] ?? '', columns[i]!, widths[i]!))
    return `${INDENT}${padded.join(GAP)}`.trimEnd()
  })
}

function pad(text: string, { align }: Column, width: number): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}
