/** The weight a module sees, inside of the tensor that holds it, and the way back. */

import type { ModuleTarget } from '../../model/adapters/keymap/target.ts'
import { place, rowsOf, sum, transposed } from '../../tensor/algebra/matrix.ts'
import type { Matrix, Term } from '../../tensor/values/table.ts'

/** Where the weight lies in its tensor. Biases have rows, too, and nothing to transpose. */
export type TargetView = Pick<ModuleTarget, 'rows' | 'transposed' | 'swappedHalves' | 'latents'>

/** The weight as the trainer sees it. */
export function viewOf(value: Matrix, { rows, transposed: isTransposed, swappedHalves }: TargetView): Matrix {
  const part = rows === undefined ? value : rowsOf(value, rows.start, rows.length)
  const ordered = swappedHalves ? swapped(part) : part
  return isTransposed ? transposed(ordered) : ordered
}

/** The tensor with `changed` in the place of `view`, which is what `viewOf` made of it. */
export function withView(value: Matrix, view: Matrix, changed: Matrix, at: TargetView): Matrix {
  if (view === value) return changed
  // Where the change is not a sum, x - x + y leaves y alone exactly: both x are the same computation
  const terms = addedTerms(view, changed) ?? [
    { factor: -1, of: view },
    { factor: 1, of: changed },
  ]
  return sum(...termsOf(value), ...terms.map(({ factor, of }) => ({ factor, of: unview(of, value, at) })))
}

/** A matrix of the size of the view as one of the size of the tensor, zeros elsewhere. */
function unview(
  of: Matrix,
  { rows: height }: Matrix,
  { rows, transposed: isTransposed, swappedHalves }: TargetView,
): Matrix {
  const upright = isTransposed ? transposed(of) : of
  const ordered = swappedHalves ? swapped(upright) : upright
  return rows === undefined ? ordered : place(ordered, rows.start, height)
}

/** Weights one below the other, as the one that a module was trained for. */
export function joined(values: readonly Matrix[]): Matrix {
  const height = values.reduce((rows, value) => rows + value.rows, 0)
  let start = 0
  return sum(
    ...values.map((of) => {
      const placed = place(of, start, height)
      start += of.rows
      return { factor: 1, of: placed }
    }),
  )
}

/** Each of the weights with its rows of `changed`, which was made of what `joined` made of them. */
export function withJoined(values: readonly Matrix[], view: Matrix, changed: Matrix): Matrix[] {
  const terms = addedTerms(view, changed)
  let start = 0
  return values.map((value) => {
    const from = start
    start += value.rows
    if (terms === undefined) return rowsOf(changed, from, value.rows)
    const own = terms.map(({ factor, of }) => ({ factor, of: rowsOf(of, from, value.rows) }))
    return sum(...termsOf(value), ...own)
  })
}

function termsOf(m: Matrix): readonly Term[] {
  return m.op === 'sum' ? m.terms : [{ factor: 1, of: m }]
}

/** What was added to the view; undefined if the change is something else than a sum with it. */
function addedTerms(view: Matrix, changed: Matrix): readonly Term[] | undefined {
  if (changed === view) return []
  if (changed.op !== 'sum') return undefined
  const before = termsOf(view)
  const kept = before.every(({ factor, of }, i) => {
    const term = changed.terms[i]
    return term?.factor === factor && term.of === of
  })
  return kept ? changed.terms.slice(before.length) : undefined
}

/** Upper and lower half of the rows exchanged. */
function swapped(of: Matrix): Matrix {
  const half = of.rows / 2
  return sum(
    { factor: 1, of: place(rowsOf(of, half, half), 0, of.rows) },
    { factor: 1, of: place(rowsOf(of, 0, half), half, of.rows) },
  )
}
