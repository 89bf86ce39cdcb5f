/** Leading singular values and vectors of matrices that are too large for a complete decomposition. */
import type { MatMul } from './matmul.ts'
import { fillNormal } from './random.ts'
import { symmetricEigen, symmetricValues } from './symmetric.ts'

/** The leading part U S V^T of a matrix [m, n]: its best approximation of rank k. */
export interface Svd {
  /** [k], largest first. */
  readonly values: Float64Array
  /** [k, m]: row i is column i of U. */
  readonly left: Float64Array
  /** [k, n]: row i is row i of S V^T, of length values[i]. */
  readonly right: Float64Array
}

export interface SketchOptions {
  readonly matmul: MatMul
  readonly seed: number
}

/**
 * Directions beside those asked for, and rounds. Halko et al. recommend 5 to 10 and 1 to 2 for spectra that decay; of a
 * matrix of noise, the worst there is, these find 95 % of the energy that the best approximation has, those 88 %.
 */
const OVERSAMPLE = 16
const ROUNDS = 4

/**
 * The `rank` leading singular values and vectors of `a` [m, n]; fewer if the matrix has fewer.
 *
 * Randomised subspace iteration (Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.1): every product is with `a`
 * as it lies in memory, and small ones are in binary64. The error of the approximation is at most that of the best
 * one and a part of the first singular value that is left out. Exact but for rounding where the rank is near the
 * smaller side.
 */
export async function leadingSvd(
  a: Float32Array<ArrayBuffer>,
  [m, n]: readonly [number, number],
  rank: number,
  { matmul, seed }: SketchOptions,
): Promise<Svd> {
  const k = Math.min(rank + OVERSAMPLE, m, n)
  // as many directions as there are: nothing is left to be found
  const rounds = k === Math.min(m, n) ? 0 : ROUNDS
  let sample = new Float32Array(n * k)
  fillNormal(sample, seed)
  let basis: Float32Array<ArrayBuffer> // [k, m], rows orthonormal
  let projected = new Float32Array(k * n) // basis @ a
  for (let round = 0; ; round++) {
    const image = new Float32Array(m * k)
    await matmul(a, sample, image, [m, n, k])
    basis = await orthonormalRows(transposeValues(image, m, k), k, m, matmul)
    await matmul(basis, a, projected, [k, m, n])
    if (round === rounds) break
    // one of the two orthonormal bases is enough: the other product only squares the ratios of singular values
    sample = transposeValues(normalised(projected, k, n), k, n)
    projected = new Float32Array(k * n)
  }
  return truncated(await smallSvd(basis, projected, [k, m, n], matmul), Math.min(rank, k), m, n)
}

/** Rows scaled so that the largest has length 1: powers of tiny differences would leave the range of binary32. */
function normalised(rows: Float32Array<ArrayBuffer>, k: number, n: number): Float32Array<ArrayBuffer> {
  let largest = 0
  for (let i = 0; i < k; i++) largest = Math.max(largest, Math.sqrt(squares(rows, i * n, n)))
  if (largest > 0) for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! / largest
  return rows
}

function squares(values: Float32Array | Float64Array, at: number, length: number): number {
  let sum = 0
  for (let i = at; i < at + length; i++) sum += values[i]! * values[i]!
  return sum
}

/** SVD of basis^T @ projected, from the eigenvectors of the small matrix projected @ projected^T. */
async function smallSvd(
  basis: Float32Array<ArrayBuffer>,
  projected: Float32Array<ArrayBuffer>,
  [k, m, n]: readonly [number, number, number],
  matmul: MatMul,
): Promise<Svd> {
  const wide = Float64Array.from(projected)
  const { values, vectors } = symmetricEigen(await gramOfRows(wide, k, n, matmul), k)
  const left = new Float64Array(k * m)
  const right = new Float64Array(k * n)
  await matmul(vectors as Float64Array<ArrayBuffer>, Float64Array.from(basis), left, [k, k, m])
  await matmul(vectors as Float64Array<ArrayBuffer>, wide, right, [k, k, n])
  return { values: roots(values), left, right }
}

function roots(eigenvalues: Float64Array): Float64Array {
  return eigenvalues.map((value) => Math.sqrt(Math.max(0, value)))
}

function truncated({ values, left, right }: Svd, rank: number, m: number, n: number): Svd {
  return {
    values: values.slice(0, rank),
    left: left.slice(0, rank * m),
    right: right.slice(0, rank * n),
  }
}

/** rows @ rows^T, [k, k]. */
async function gramOfRows(rows: Float64Array<ArrayBuffer>, k: number, n: number, matmul: MatMul) {
  const gram = new Float64Array(k * k)
  await matmul(rows, transposeValues(rows, k, n), gram, [k, n, k])
  return gram
}

/** Below this share of the largest eigenvalue a direction of the Gram matrix is rounding alone. */
const NOISE = 1e-13

/** An orthonormal basis of the space of the rows [k, n]; rows of zeros for directions that are not there. */
async function orthonormalRows(
  rows: Float32Array<ArrayBuffer>,
  k: number,
  n: number,
  matmul: MatMul,
): Promise<Float32Array<ArrayBuffer>> {
  const exact = Float64Array.from(rows)
  const { values, vectors } = symmetricEigen(await gramOfRows(exact, k, n, matmul), k)
  scaleRows(vectors, k, inverseRoots(values))
  const basis = new Float64Array(k * n)
  await matmul(vectors as Float64Array<ArrayBuffer>, exact, basis, [k, k, n])
  return Float32Array.from(basis)
}

function inverseRoots(values: Float64Array): Float64Array {
  const floor = NOISE * (values[0] ?? 0)
  return values.map((value) => (value > floor ? 1 / Math.sqrt(value) : 0))
}

function scaleRows(rows: Float64Array, n: number, factors: Float64Array): void {
  for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! * factors[Math.floor(i / n)]!
}

/** [m, n] -> [n, m], in squares that fit the processor's caches. */
export function transposeValues<T extends Float32Array | Float64Array>(values: T, m: number, n: number): T {
  const out = new (values.constructor as new (length: number) => T)(m * n)
  const side = 32
  for (let i0 = 0; i0 < m; i0 += side) {
    for (let j0 = 0; j0 < n; j0 += side) {
      const [i1, j1] = [Math.min(i0 + side, m), Math.min(j0 + side, n)]
      for (let i = i0; i < i1; i++) for (let j = j0; j < j1; j++) out[j * m + i] = values[i * n + j]!
    }
  }
  return out
}

/**
 * SVD of up [m, r] @ down [r, n], by way of matrices [r, r] only: exact, whatever m and n are.
 * @returns all r singular values
 */
export async function svdOfProduct(
  up: Float64Array<ArrayBuffer>,
  down: Float64Array<ArrayBuffer>,
  [m, r, n]: readonly [number, number, number],
  matmul: MatMul,
): Promise<Svd> {
  const columns = transposeValues(up, m, r)
  const upEigen = symmetricEigen(await gramOfRows(columns, r, m, matmul), r)
  const downEigen = symmetricEigen(await gramOfRows(down, r, n, matmul), r)
  // up = Q1 A and down = B Q2^T with orthonormal Q1, Q2; so the singular values are those of A B
  const a = upEigen.vectors.slice()
  scaleRows(a, r, roots(upEigen.values))
  const b = downEigen.vectors.slice()
  scaleRows(b, r, roots(downEigen.values))
  const core = new Float64Array(r * r)
  await matmul(a as Float64Array<ArrayBuffer>, transposeValues(b, r, r) as Float64Array<ArrayBuffer>, core, [
    r,
    r,
    r,
  ])
  const { values, vectors } = symmetricEigen(await gramOfRows(core, r, r, matmul), r)
  const turns = vectors as Float64Array<ArrayBuffer>
  scaleRows(upEigen.vectors, r, inverseRoots(upEigen.values))
  const left = await multiplied(turns, upEigen.vectors, columns, [r, m], matmul)
  const right = await multiplied(turns, a, down, [r, n], matmul)
  return { values: roots(values), left, right }
}

/** (turns @ inner) @ rows: [r, r] @ [r, r] @ [r, n]. */
async function multiplied(
  turns: Float64Array<ArrayBuffer>,
  inner: Float64Array,
  rows: Float64Array<ArrayBuffer>,
  [r, n]: readonly [number, number],
  matmul: MatMul,
): Promise<Float64Array> {
  const both = new Float64Array(r * r)
  await matmul(turns, inner as Float64Array<ArrayBuffer>, both, [r, r, r])
  const out = new Float64Array(r * n)
  await matmul(both, rows, out, [r, r, n])
  return out
}

/** Every singular value of `a` [m, n], largest first: eigenvalues of the smaller Gram matrix, in binary64. */
export async function allSingularValues(
  a: Float32Array,
  [m, n]: readonly [number, number],
  matmul: MatMul,
): Promise<Float64Array> {
  const exact = Float64Array.from(a)
  const rows = m <= n ? exact : transposeValues(exact, m, n)
  const [k, length] = [Math.min(m, n), Math.max(m, n)]
  return roots(symmetricValues(await gramOfRows(rows, k, length, matmul), k))
}
