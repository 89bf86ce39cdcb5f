/** Values of matrix expressions, a block of rows at a time. */
import { fillCombined } from '../merge/combine.ts'
import type { Matrix, Term } from '../values/table.ts'
import { type Arithmetic, multiply, remembered, WALK_VALUES, wholeOf } from './arithmetic.ts'
import { acquireFloats, releaseFloats } from './float-buffers.ts'
import type { Floats } from './matmul.ts'
import { permuteInto } from './permute.ts'
import { fillOrthogonal, fillRotated } from './rotate.ts'
import { fillScattered } from './scatter.ts'

type Op = Matrix['op']
type Filler<K extends Op> = (
  m: Extract<Matrix, { op: K }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
) => Promise<void>

/** Writes rows [begin, end) of a matrix to `out`, which has exactly their size. */
export async function fillRows(
  m: Matrix,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  await (FILLERS[m.op] as Filler<Op>)(m, begin, end, out, by)
}

const FILLERS: { readonly [K in Op]: Filler<K> } = {
  tensor: (m, begin, end, out, by) => by.decode(m.of, begin * m.columns, end * m.columns, out),
  sum: fillSum,
  product: (m, begin, end, out, by) => multiplyRows(m, begin, end, out, by),
  hadamard: (m, begin, end, out, by) =>
    fillPair(m, begin, end, out, by, (other) => {
      for (let i = 0; i < out.length; i++) out[i] = out[i]! * other[i]!
    }),
  quotient: (m, begin, end, out, by) =>
    fillPair(m, begin, end, out, by, (other) => {
      for (let i = 0; i < out.length; i++) out[i] = other[i] === 0 ? 0 : out[i]! / other[i]!
    }),
  kron: fillKron,
  permute: fillPermuted,
  rows: (m, begin, end, out, by) => fillRows(m.of, m.start + begin, m.start + end, out, by),
  place: fillPlaced,
  scatter: fillScattered,
  'scale-rows': fillScaledRows,
  'scale-columns': fillScaledColumns,
  'row-norms': fillRowNorms,
  'column-norms': fillColumnNorms,
  orthogonal: fillOrthogonal,
  rotate: fillRotated,
  combine: fillCombined,
  'first-columns': fillFirstColumns,
  'over-columns': fillOverColumns,
}

async function fillSum(
  { terms }: { terms: readonly Term[] },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const [first, ...rest] = terms
  await fillRows(first!.of, begin, end, out, by)
  if (first!.factor !== 1) scale(out, first!.factor)
  for (const { factor, of } of rest) await addRows(of, begin, end, factor, out, by)
}

function scale(values: Floats, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor
}

/** out += factor * rows. Of a matrix that has zeros around it, only what is not zero. */
async function addRows(
  m: Matrix,
  begin: number,
  end: number,
  factor: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  if (m.op === 'place' && m.columns === m.of.columns) {
    const [from, to] = [Math.max(begin, m.row), Math.min(end, m.row + m.of.rows)]
    if (from >= to) return
    const inside = out.subarray((from - begin) * m.columns, (to - begin) * m.columns) as Floats
    await addRows(m.of, from - m.row, to - m.row, factor, inside, by)
    return
  }
  if (m.op === 'product') {
    await multiplyRows(m, begin, end, out, by, factor)
    return
  }
  const values = acquireFloats(by.precision, out.length)
  await fillRows(m, begin, end, values, by)
  addScaled(out, factor, values)
  releaseFloats(values)
}

function addScaled(out: Floats, factor: number, values: Floats): void {
  // two loops of one type each: a loop over either type is several times slower
  if (out instanceof Float32Array && values instanceof Float32Array) addScaled32(out, factor, values)
  else for (let i = 0; i < out.length; i++) out[i] = out[i]! + factor * values[i]!
}

function addScaled32(out: Float32Array, factor: number, values: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = out[i]! + factor * values[i]!
}

/** out = rows of a @ b, or with a factor out += factor * rows of a @ b. */
async function multiplyRows(
  { a, b }: { a: Matrix; b: Matrix },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
  factor?: number,
): Promise<void> {
  const right = await wholeOf(b, by)
  const left = acquireFloats(by.precision, (end - begin) * a.columns)
  await fillRows(a, begin, end, left, by)
  if (factor !== undefined) scale(left, factor)
  await multiply(left, right, out, [end - begin, a.columns, b.columns], by, factor !== undefined)
  releaseFloats(left)
}

async function fillPair(
  { a, b }: { a: Matrix; b: Matrix },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
  combine: (other: Floats) => void,
): Promise<void> {
  await fillRows(a, begin, end, out, by)
  const other = acquireFloats(by.precision, out.length)
  await fillRows(b, begin, end, other, by)
  combine(other)
  releaseFloats(other)
}

async function fillKron(
  { a, b, columns }: { a: Matrix; b: Matrix; columns: number },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const inner = await wholeOf(b, by)
  const first = Math.floor(begin / b.rows)
  const last = Math.ceil(end / b.rows)
  const outer = acquireFloats(by.precision, (last - first) * a.columns)
  await fillRows(a, first, last, outer, by)
  for (let r = begin; r < end; r++) {
    const i = Math.floor(r / b.rows)
    for (let c = 0; c < a.columns; c++) {
      const factor = outer[(i - first) * a.columns + c]!
      const from = (r - i * b.rows) * b.columns
      const at = (r - begin) * columns + c * b.columns
      for (let d = 0; d < b.columns; d++) out[at + d] = factor * inner[from + d]!
    }
  }
  releaseFloats(outer)
}

async function fillPermuted(
  m: Extract<Matrix, { op: 'permute' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const { of, shape, order, rows, columns } = m
  if (order[0] === 0 && shape.length > 1 && shape[0] === rows && of.rows === rows) {
    const values = acquireFloats(by.precision, out.length)
    await fillRows(of, begin, end, values, by)
    permuteInto(values, [end - begin, ...shape.slice(1)], order, out)
    releaseFloats(values)
    return
  }
  const whole = await remembered(m, by, async (all) => permuteInto(await wholeOf(of, by), shape, order, all))
  out.set(whole.subarray(begin * columns, end * columns))
}

async function fillPlaced(
  m: Extract<Matrix, { op: 'place' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  out.fill(0)
  const [from, to] = [Math.max(begin, m.row), Math.min(end, m.row + m.of.rows)]
  if (from >= to) return
  const width = m.of.columns
  const values = acquireFloats(by.precision, (to - from) * width)
  await fillRows(m.of, from - m.row, to - m.row, values, by)
  for (let r = 0; r < to - from; r++) {
    out.set(values.subarray(r * width, (r + 1) * width), (from - begin + r) * m.columns)
  }
  releaseFloats(values)
}

async function fillFirstColumns(
  { of, columns }: Extract<Matrix, { op: 'first-columns' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const values = acquireFloats(by.precision, (end - begin) * of.columns)
  await fillRows(of, begin, end, values, by)
  for (let r = 0; r < end - begin; r++) {
    out.set(values.subarray(r * of.columns, r * of.columns + columns), r * columns)
  }
  releaseFloats(values)
}

async function fillOverColumns(
  { of, under, columns }: Extract<Matrix, { op: 'over-columns' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  await fillRows(under, begin, end, out, by)
  const values = acquireFloats(by.precision, (end - begin) * of.columns)
  await fillRows(of, begin, end, values, by)
  for (let r = 0; r < end - begin; r++) {
    out.set(values.subarray(r * of.columns, (r + 1) * of.columns), r * columns)
  }
  releaseFloats(values)
}

async function fillScaledRows(
  { of, by: factors, columns }: { of: Matrix; by: Matrix; columns: number },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  await fillRows(of, begin, end, out, by)
  const scale = acquireFloats(by.precision, end - begin)
  await fillRows(factors, begin, end, scale, by)
  for (let r = 0; r < scale.length; r++) {
    for (let i = r * columns; i < (r + 1) * columns; i++) out[i] = out[i]! * scale[r]!
  }
  releaseFloats(scale)
}

async function fillScaledColumns(
  { of, by: factors, columns, repeat }: { of: Matrix; by: Matrix; columns: number; repeat: number },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  await fillRows(of, begin, end, out, by)
  const scale = await wholeOf(factors, by)
  for (let i = 0; i < out.length; i++) out[i] = out[i]! * scale[Math.floor((i % columns) / repeat)]!
}

async function fillRowNorms(
  { of }: { of: Matrix },
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const values = acquireFloats(by.precision, (end - begin) * of.columns)
  await fillRows(of, begin, end, values, by)
  for (let r = 0; r < end - begin; r++) {
    let square = 0
    for (let i = r * of.columns; i < (r + 1) * of.columns; i++) square += values[i]! * values[i]!
    out[r] = Math.sqrt(square)
  }
  releaseFloats(values)
}

async function fillColumnNorms(
  m: Extract<Matrix, { op: 'column-norms' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const norms = await remembered(m, by, async (all) => {
    const squares = await columnSquares(m.of, m.group, by)
    for (let i = 0; i < all.length; i++) all[i] = Math.sqrt(squares[i]!)
  })
  out.set(norms.subarray(begin, end))
}

async function columnSquares(of: Matrix, group: number, by: Arithmetic): Promise<Float64Array> {
  const squares = new Float64Array(of.columns / group)
  const step = Math.max(1, Math.floor(WALK_VALUES / Math.max(1, of.columns)))
  for (let begin = 0; begin < of.rows; begin += step) {
    const end = Math.min(begin + step, of.rows)
    const values = acquireFloats(by.precision, (end - begin) * of.columns)
    await fillRows(of, begin, end, values, by)
    for (let i = 0; i < values.length; i++) {
      const c = Math.floor((i % of.columns) / group)
      squares[c] = squares[c]! + values[i]! * values[i]!
    }
    releaseFloats(values)
  }
  return squares
}
