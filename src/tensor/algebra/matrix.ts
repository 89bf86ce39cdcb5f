/**
 * Makes matrices of tensors and of each other. Each constructor checks shapes, so that an expression that exists can be
 * evaluated.
 *
 * A tensor [O, I, kh, kw] is the matrix [O, I*kh*kw], one of a single dimension [n] the column [n, 1].
 */

import type { MergeParameters } from '../merge/method.ts'
import { checkNumbers } from '../quantised/check.ts'
import { elementCount } from '../values/dtype.ts'
import type { Matrix, MatrixSize, PatchedSource, Rotation, Tensor, Term } from '../values/table.ts'

function misshapen(op: string, a: MatrixSize, b: MatrixSize): RangeError {
  return new RangeError(`${op}: [${a.rows}, ${a.columns}] and [${b.rows}, ${b.columns}] do not fit`)
}

/**
 * Any row-major view of a tensor's values, [rows, columns]; without a size [O, I*kh*kw].
 * @throws SCALED_FP8, QUANTISED (exit 3); RangeError where rows * columns is not the number of values
 */
export function matrixOf(tensor: Tensor, rows = tensor.shape[0] ?? 1, columns?: number): Matrix {
  checkNumbers(tensor)
  const count = elementCount(tensor.shape)
  const width = columns ?? (rows === 0 ? 0 : count / rows)
  if (rows * width !== count)
    throw new RangeError(`${tensor.name} has ${count} values, not ${rows} x ${width}`)
  return { op: 'tensor', of: tensor, rows, columns: width }
}

/** Sum of factor * matrix, all [m, n]. @throws RangeError for shapes that do not fit */
export function sum(...terms: readonly Term[]): Matrix {
  const [first, ...rest] = terms
  if (first === undefined) throw new RangeError('sum of nothing')
  for (const { of } of rest) {
    if (of.rows !== first.of.rows || of.columns !== first.of.columns) throw misshapen('sum', first.of, of)
  }
  return { op: 'sum', terms, rows: first.of.rows, columns: first.of.columns }
}

/** factor * `of`, [m, n]. */
export function scaled(factor: number, of: Matrix): Matrix {
  return factor === 1 ? of : sum({ factor, of })
}

/** [m, k] times [k, n], as [m, n]. @throws RangeError for shapes that do not fit */
export function product(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.rows) throw misshapen('product', a, b)
  return { op: 'product', a, b, rows: a.rows, columns: b.columns }
}

/** Products of the elements of two matrices [m, n]. @throws RangeError for shapes that do not fit */
export function hadamard(a: Matrix, b: Matrix): Matrix {
  return elementwise('hadamard', a, b)
}

/** Quotients a / b of the elements of two matrices [m, n]. @throws RangeError for shapes that do not fit */
export function quotient(a: Matrix, b: Matrix): Matrix {
  return elementwise('quotient', a, b)
}

function elementwise(op: 'hadamard' | 'quotient', a: Matrix, b: Matrix): Matrix {
  if (a.rows !== b.rows || a.columns !== b.columns) throw misshapen(op, a, b)
  return { op, a, b, rows: a.rows, columns: a.columns }
}

/** The Kronecker product of [m, n] and [p, q], as [m*p, n*q]. */
export function kron(a: Matrix, b: Matrix): Matrix {
  return { op: 'kron', a, b, rows: a.rows * b.rows, columns: a.columns * b.columns }
}

/**
 * `of`, seen as an array of `shape`, with its axes in another order: axis i of the result is axis order[i].
 * The result is [rows, the rest].
 * @throws RangeError where `shape` has another number of elements, or `order` is not an order of its axes
 */
export function permute(
  of: Matrix,
  shape: readonly number[],
  order: readonly number[],
  rows: number,
): Matrix {
  const count = of.rows * of.columns
  const axes = [...order].sort((a, b) => a - b)
  const valid =
    elementCount(shape) === count && axes.length === shape.length && axes.every((axis, i) => axis === i)
  if (!valid || count % rows !== 0)
    throw new RangeError(`permute: [${of.rows}, ${of.columns}] is not [${shape}]`)
  return { op: 'permute', of, shape, order, rows, columns: count / rows }
}

/** [m, n] as [n, m]. */
export function transposed(of: Matrix): Matrix {
  return permute(of, [of.rows, of.columns], [1, 0], of.columns)
}

/** The same values, row-major, as [rows, the rest]. @throws RangeError where they are not whole rows */
export function reshaped(of: Matrix, rows: number): Matrix {
  return permute(of, [of.rows * of.columns], [0], rows)
}

/** Rows [start, start + length) of a matrix. @throws RangeError for rows that it does not have */
export function rowsOf(of: Matrix, start: number, length: number): Matrix {
  if (start < 0 || start + length > of.rows)
    throw new RangeError(`rows ${start} to ${start + length} of ${of.rows}`)
  return { op: 'rows', of, start, rows: length, columns: of.columns }
}

/**
 * `of` inside of a larger matrix of zeros, its first row at `row`, its first column at 0.
 * @throws RangeError where it is too large
 */
export function place(of: Matrix, row: number, rows: number, columns = of.columns): Matrix {
  if (row < 0 || row + of.rows > rows || of.columns > columns) throw misshapen('place', of, { rows, columns })
  return { op: 'place', of, row, rows, columns }
}

/**
 * A sparse array of `shape` (COO), as [its first dimension, the rest]. Values at the same place are added.
 * @param indices [dimensions, n]: coordinates of each value, counted from 0
 * @param values [n, 1]
 * @throws RangeError for shapes that do not fit
 */
export function scatter(indices: Matrix, values: Matrix, shape: readonly number[]): Matrix {
  if (values.columns !== 1 || indices.columns !== values.rows) throw misshapen('scatter', indices, values)
  if (shape.length === 0 || indices.rows !== shape.length || !shape.every(Number.isSafeInteger))
    throw new RangeError(`scatter: ${indices.rows} coordinates in [${shape}]`)
  return { op: 'scatter', indices, values, shape, rows: shape[0]!, columns: elementCount(shape.slice(1)) }
}

/** Each row of [m, n] times its factor of `by` [m, 1]. @throws RangeError for shapes that do not fit */
export function scaleRows(of: Matrix, by: Matrix): Matrix {
  if (by.columns !== 1 || by.rows !== of.rows) throw misshapen('scale rows', of, by)
  return { op: 'scale-rows', of, by, rows: of.rows, columns: of.columns }
}

/**
 * Columns of [m, n] times factors: each of `by` [k, 1] is for n / k neighbouring columns.
 * @throws RangeError for shapes that do not fit
 */
export function scaleColumns(of: Matrix, by: Matrix): Matrix {
  if (by.columns !== 1 || of.columns % by.rows !== 0) throw misshapen('scale columns', of, by)
  return { op: 'scale-columns', of, by, repeat: of.columns / by.rows, rows: of.rows, columns: of.columns }
}

/** Euclidean norms of the rows of [m, n], as [m, 1]. */
export function rowNorms(of: Matrix): Matrix {
  return { op: 'row-norms', of, rows: of.rows, columns: 1 }
}

/**
 * Euclidean norms over all rows of `count` groups of neighbouring columns, as [count, 1].
 * @throws RangeError where the columns are not `count` equal groups
 */
export function columnNorms(of: Matrix, count: number): Matrix {
  if (of.columns % count !== 0) throw new RangeError(`column norms: ${of.columns} columns in ${count} groups`)
  return { op: 'column-norms', of, group: of.columns / count, rows: count, columns: 1 }
}

/**
 * Rows of [m, n] multiplied by orthogonal matrices, block by block: OFT, or BOFT for several stages.
 * @throws RangeError for shapes that do not fit the blocks
 */
export function rotate(of: Matrix, rotation: Rotation): Matrix {
  const { blocks, packed, size, stages, butterfly, chunk = 1 } = rotation
  const values = packed ? (size * (size - 1)) / 2 : size * size
  const count = (blocks.rows * blocks.columns) / values
  const isWhole = count * size === stages * of.rows || (count === 1 && stages === 1)
  if (of.rows % size !== 0) throw new RangeError(`rotate: ${of.rows} rows in blocks of ${size}`)
  if (blocks.columns !== (packed ? values : size) || !isWhole) throw misshapen('rotate', of, blocks)
  const turns: Matrix = { op: 'orthogonal', rotation, rows: count * size, columns: size }
  return { op: 'rotate', of, turns, size, stages, butterfly, chunk, rows: of.rows, columns: of.columns }
}

/**
 * What a merge method makes of the same tensor of several models, all [m, n].
 * @param shape of the tensor in every model: a method may look at its axes
 * @throws RangeError for shapes that do not fit
 */
export function combined(
  method: string,
  of: readonly Matrix[],
  shape: readonly number[],
  parameters: MergeParameters,
): Matrix {
  const [first] = of as [Matrix, ...Matrix[]]
  const { rows, columns } = first
  const odd = of.find((other) => other.rows !== rows || other.columns !== columns)
  if (odd !== undefined) throw misshapen('combine', first, odd)
  if (elementCount(shape) !== rows * columns)
    throw new RangeError(`combine: [${rows}, ${columns}] is not [${shape}]`)
  return { op: 'combine', method, of, shape, parameters, rows, columns }
}

/** The first `columns` columns of [m, n]. @throws RangeError where there are fewer */
export function firstColumns(of: Matrix, columns: number): Matrix {
  if (columns > of.columns) throw new RangeError(`the first ${columns} of ${of.columns} columns`)
  return columns === of.columns ? of : { op: 'first-columns', of, rows: of.rows, columns }
}

/** `under` [m, n] with its first k columns replaced by `of` [m, k]. @throws RangeError for shapes that do not fit */
export function overColumns(of: Matrix, under: Matrix): Matrix {
  if (of.rows !== under.rows || of.columns > under.columns) throw misshapen('over columns', of, under)
  return { op: 'over-columns', of, under, rows: under.rows, columns: under.columns }
}

/** weight + factor * delta, as one sum however many deltas follow each other. */
export function added(weight: Matrix, factor: number, delta: Matrix): Matrix {
  const term = { factor, of: delta }
  return weight.op === 'sum' ? sum(...weight.terms, term) : sum({ factor: 1, of: weight }, term)
}

/** The tensors a patched one is computed from, its base first. */
export function leavesOf({ base, value }: PatchedSource): Tensor[] {
  const leaves = [base]
  const visit = (m: Matrix): void => {
    switch (m.op) {
      case 'tensor':
        leaves.push(m.of)
        return
      case 'sum':
        for (const { of } of m.terms) visit(of)
        return
      case 'combine':
        for (const of of m.of) visit(of)
        return
      case 'orthogonal':
        visit(m.rotation.blocks)
        return
      default:
        for (const part of PARTS) if (part in m) visit((m as unknown as Record<string, Matrix>)[part]!)
    }
  }
  visit(value)
  return leaves
}

const PARTS = ['a', 'b', 'of', 'under', 'by', 'turns', 'indices', 'values'] as const
