/** What all expressions compute with. */
import type { Matrix, Tensor } from '../values/table.ts'
import {
  type Floats,
  type MatMul,
  newFloats,
  type Precision,
  type ProductSize,
  plainMatMul,
} from './matmul.ts'

/** What evaluation needs. One for each tensor that is computed, as it remembers what its blocks share. */
export interface Arithmetic {
  readonly precision: Precision
  readonly matmul: MatMul
  /** Writes elements [begin, end) of a tensor to `out`, as numbers. */
  readonly decode: (tensor: Tensor, begin: number, end: number, out: Floats) => Promise<void>
  /** Writes rows [begin, end) of a matrix to `out`: `fillRows`, handed on to the expressions that are made of others. */
  readonly fill: (m: Matrix, begin: number, end: number, out: Floats, by: Arithmetic) => Promise<void>
  /** Matrices that are needed whole, and what was made of them, by the expression. */
  readonly wholeMatrixCache: Map<Matrix, Promise<Floats>>
}

/** All values of a matrix, computed once for an `Arithmetic`. Not to be changed. */
export function wholeOf(m: Matrix, by: Arithmetic): Promise<Floats> {
  return remembered(m, by, (out) => by.fill(m, 0, m.rows, out, by))
}

/** What `fill` makes of an array of the size of the matrix. */
export function remembered(m: Matrix, by: Arithmetic, fill: (out: Floats) => Promise<void>): Promise<Floats> {
  const known = by.wholeMatrixCache.get(m)
  if (known) return known
  const out = newFloats(by.precision, m.rows * m.columns)
  const made = fill(out).then(() => out)
  by.wholeMatrixCache.set(m, made)
  return made
}

/** Below this many multiplications plain loops are done before another engine has started. */
const SMALL_PRODUCT = 64 * 1024

/** out [m, n] = a [m, k] @ b [k, n], or out += if `add`: by plain loops where that is little work, else by the engine. */
export function multiply(
  a: Floats,
  b: Floats,
  out: Floats,
  size: ProductSize,
  by: Arithmetic,
  add = false,
): Promise<void> {
  const matmul = size[0] * size[1] * size[2] < SMALL_PRODUCT ? plainMatMul : by.matmul
  return matmul(a, b, out, size, add)
}

/** Values looked at in one piece where all of a matrix has to be walked. */
export const WALK_VALUES = 256 * 1024
