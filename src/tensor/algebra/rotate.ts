/** Orthogonal fine-tuning: rows of a weight are rotated among each other. Sources: OFT (arXiv 2306.07280), BOFT (arXiv 2311.06243), LyCORIS, PEFT. */

import type { Matrix, Rotation } from '../values/table.ts'
import { type Arithmetic, multiply, remembered, wholeOf } from './arithmetic.ts'
import { acquireFloats, releaseFloats } from './float-buffers.ts'
import type { Floats } from './matmul.ts'
import { solve } from './solve.ts'

type Rotate = Extract<Matrix, { op: 'rotate' }>

/** Rows [begin, end) of a rotated matrix [m, n], row-major, into `out` of (end - begin) * n values. */
export async function fillRotated(
  m: Rotate,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  if (m.butterfly) {
    const whole = await remembered(m, by, (all) => fillButterfly(m, all, by))
    out.set(whole.subarray(begin * m.columns, end * m.columns))
    return
  }
  const { size } = m
  for (let from = begin; from < end; ) {
    const block = Math.floor(from / size)
    const to = Math.min(end, (block + 1) * size)
    const part = out.subarray((from - begin) * m.columns, (to - begin) * m.columns) as Floats
    await fillBlock(m, block, from - block * size, to - block * size, part, by)
    from = to
  }
}

/** Rows [begin, end) of block `block`: R^T @ W. */
async function fillBlock(
  { of, turns: orthogonal, size, columns }: Rotate,
  block: number,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const turns = await wholeOf(orthogonal, by)
  const weight = acquireFloats(by.precision, size * columns)
  await by.fill(of, block * size, (block + 1) * size, weight, by)
  const left = acquireFloats(by.precision, (end - begin) * size)
  // one block may be for all rows
  const first = (block * size * size) % turns.length
  for (let r = begin; r < end; r++) {
    for (let c = 0; c < size; c++) left[(r - begin) * size + c] = turns[first + c * size + r]!
  }
  await multiply(left, weight, out, [end - begin, size, columns], by)
  releaseFloats(weight, left)
}

/** All stages, each on the rows the one before left, in the order of a butterfly. */
async function fillButterfly(m: Rotate, out: Floats, by: Arithmetic): Promise<void> {
  const { of, size, stages, chunk, columns } = m
  const turns = await wholeOf(m.turns, by)
  await by.fill(of, 0, of.rows, out, by)
  const gathered = acquireFloats(by.precision, size * columns)
  const rotated = acquireFloats(by.precision, size * columns)
  for (let stage = 0; stage < stages; stage++) {
    const order = butterflyOrder(of.rows, (2 ** stage * size) / 2, chunk)
    for (let block = 0; block < of.rows / size; block++) {
      const rows = order.subarray(block * size, (block + 1) * size)
      rows.forEach(
        (row, i) => void gathered.set(out.subarray(row * columns, (row + 1) * columns), i * columns),
      )
      const first = (stage * of.rows + block * size) * size
      const turn = turns.slice(first, first + size * size) as Floats
      await multiply(turn, gathered, rotated, [size, size, columns], by)
      rows.forEach((row, i) => void out.set(rotated.subarray(i * columns, (i + 1) * columns), row * columns))
    }
  }
  releaseFloats(gathered, rotated)
}

/** Row numbers, seen as [n, 2, half / chunk, chunk], with the two axes in the middle exchanged. */
function butterflyOrder(rows: number, half: number, chunk: number): Uint32Array {
  const order = new Uint32Array(rows)
  for (let i = 0; i < rows; i++) {
    const [group, rest] = [Math.floor(i / (2 * half)), i % (2 * half)]
    const [piece, inside] = [Math.floor(rest / chunk), rest % chunk]
    order[i] = group * 2 * half + (piece % 2) * half + Math.floor(piece / 2) * chunk + inside
  }
  return order
}

/** Trained blocks as rotations at a strength, I + strength * (R - I). Always in binary64 on the way. */
export async function fillOrthogonal(
  m: Extract<Matrix, { op: 'orthogonal' }>,
  begin: number,
  end: number,
  out: Floats,
  by: Arithmetic,
): Promise<void> {
  const all = await remembered(m, by, async (turns) => {
    turns.set(orthogonal(new Float64Array(await wholeOf(m.rotation.blocks, by)), m.rotation))
  })
  out.set(all.subarray(begin * m.columns, end * m.columns))
}

function orthogonal(trained: Float64Array, rotation: Rotation): Float64Array {
  const { size, strength } = rotation
  const values = rotation.packed ? unpacked(trained, size) : trained
  const blocks = Array.from({ length: values.length / size ** 2 }, (_, b) => {
    return values.subarray(b * size ** 2, (b + 1) * size ** 2)
  })
  if (rotation.form !== 'plain') makeOrthogonal(values, blocks, rotation)
  for (const block of blocks) takePart(block, size, strength)
  return values
}

/** In place. @param values those of all blocks, which are views of it */
function makeOrthogonal(values: Float64Array, blocks: readonly Float64Array[], rotation: Rotation): void {
  const { size, form, terms = 1, constraint, blockLimit, skew = 1 } = rotation
  for (const block of blocks) makeSkew(block, size, skew)
  shrink(values, constraint)
  for (const block of blocks) {
    shrink(block, blockLimit, 0)
    block.set(form === 'cayley' ? cayley(block, size) : neumann(block, size, terms))
  }
}

/** R -> I + strength * (R - I). */
function takePart(block: Float64Array, size: number, strength: number): void {
  for (let i = 0; i < block.length; i++) {
    const unit = i % (size + 1) === 0 ? 1 : 0
    block[i] = unit + strength * (block[i]! - unit)
  }
}

/** Square blocks of what stands above their diagonals. */
function unpacked(triangles: Float64Array, size: number): Float64Array {
  const each = (size * (size - 1)) / 2
  const out = new Float64Array((triangles.length / each) * size * size)
  let at = 0
  for (let block = 0; block < out.length; block += size * size) {
    for (let r = 0; r < size; r++)
      for (let c = r + 1; c < size; c++) out[block + r * size + c] = triangles[at++]!
  }
  return out
}

/** B -> factor * (B - B^T). */
function makeSkew(block: Float64Array, size: number, factor: number): void {
  for (let r = 0; r < size; r++) {
    for (let c = 0; c <= r; c++) {
      const q = factor * (block[r * size + c]! - block[c * size + r]!)
      block[r * size + c] = q
      block[c * size + r] = -q
    }
  }
}

/** LyCORIS' guard against a norm of 0. */
const NORM_GUARD = 1e-8

function shrink(values: Float64Array, constraint: number | undefined, guard = NORM_GUARD): void {
  if (constraint === undefined) return
  const norm = Math.sqrt(values.reduce((square, value) => square + value * value, 0)) + guard
  if (norm <= constraint) return
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! * constraint) / norm
}

/** R = (I + Q)(I - Q)^-1 of a skew-symmetric Q, which is (I - Q)^-1 (I + Q), too: they commute. */
function cayley(q: Float64Array, size: number): Float64Array {
  const unit = (i: number): number => (i % (size + 1) === 0 ? 1 : 0)
  const left = q.map((value, i) => unit(i) - value)
  const right = q.map((value, i) => unit(i) + value)
  return solve(left, right, size)
}

/**
 * I + 2Q + 2Q^2 + ... + Q^k, the series of `cayley` cut off. The last power has half its factor, and three terms are
 * four, as in PEFT (`OFTRotationModule._cayley_batch`).
 */
function neumann(q: Float64Array, size: number, terms: number): Float64Array {
  const out = q.map((_, i) => (i % (size + 1) === 0 ? 1 : 0))
  const add = (power: Float64Array, factor: number) => {
    for (let i = 0; i < out.length; i++) out[i] = out[i]! + factor * power[i]!
  }
  if (terms < 2) return out
  add(q, 2)
  if (terms < 3) return out
  let power = squareProduct(q, q, size)
  add(power, 2)
  for (let term = 3; term < terms - 1; term++) {
    power = squareProduct(power, q, size)
    add(power, 2)
  }
  add(squareProduct(power, q, size), 1)
  return out
}

function squareProduct(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const out = new Float64Array(size * size)
  for (let r = 0; r < size; r++) {
    for (let k = 0; k < size; k++) {
      const factor = a[r * size + k]!
      for (let c = 0; c < size; c++) out[r * size + c] = out[r * size + c]! + factor * b[k * size + c]!
    }
  }
  return out
}
