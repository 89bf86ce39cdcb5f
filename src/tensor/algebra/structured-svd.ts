/** Singular values and vectors of matrices that are made of smaller ones, by way of those alone. */
import type { Svd } from './svd.ts'

type Size = readonly [rows: number, columns: number]

/**
 * The leading part of kron(A, B) from complete or leading ones of A and B: singular values are all products of theirs,
 * vectors the Kronecker products of theirs (Van Loan 2000, "The ubiquitous Kronecker product"). Exact as long as A and B
 * have at least `rank` values each, or all they have.
 */
export function svdOfKron(a: Svd, [am, an]: Size, b: Svd, [bm, bn]: Size, rank: number): Svd {
  const pairs = leadingPairs(a.values, b.values, rank)
  const left = new Float64Array(pairs.length * am * bm)
  const right = new Float64Array(pairs.length * an * bn)
  pairs.forEach(([i, j], at) => {
    kronRow(a.left, i * am, am, b.left, j * bm, bm, left, at * am * bm)
    kronRow(a.right, i * an, an, b.right, j * bn, bn, right, at * an * bn)
  })
  return { values: Float64Array.from(pairs, ([i, j]) => a.values[i]! * b.values[j]!), left, right }
}

function leadingPairs(a: Float64Array, b: Float64Array, count: number): (readonly [number, number])[] {
  const all: (readonly [number, number])[] = []
  // both descend: a pair (i, j) has (i + 1) * (j + 1) - 1 others before it
  for (let i = 0; i < Math.min(a.length, count); i++)
    for (let j = 0; j < b.length && (i + 1) * (j + 1) <= count; j++) all.push([i, j])
  const productOf = ([i, j]: readonly [number, number]) => a[i]! * b[j]!
  return all.sort((x, y) => productOf(y) - productOf(x) || x[0] - y[0]).slice(0, count)
}

function kronRow(
  a: Float64Array,
  aAt: number,
  m: number,
  b: Float64Array,
  bAt: number,
  n: number,
  out: Float64Array,
  at: number,
): void {
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[at + i * n + j] = a[aAt + i]! * b[bAt + j]!
}

/** A product up [m, r] @ down [r, n]. */
export interface LowRank {
  readonly up: Float64Array<ArrayBuffer>
  readonly down: Float64Array<ArrayBuffer>
  readonly size: readonly [m: number, r: number, n: number]
}

/**
 * (A1 @ B1) . (A2 @ B2), elementwise, as one product of rank r1 * r2: row by row the Kronecker products of the rows of
 * A1 and A2, column by column those of B1 and B2 (Khatri and Rao 1968).
 */
export function hadamardProduct(a: LowRank, b: LowRank): LowRank {
  const [[m, r1, n], [, r2]] = [a.size, b.size]
  const rank = r1 * r2
  const [up, down] = [new Float64Array(m * rank), new Float64Array(rank * n)]
  for (let o = 0; o < m; o++) kronRow(a.up, o * r1, r1, b.up, o * r2, r2, up, o * rank)
  for (let i = 0; i < r1; i++)
    for (let j = 0; j < r2; j++)
      for (let c = 0; c < n; c++) down[(i * r2 + j) * n + c] = a.down[i * n + c]! * b.down[j * n + c]!
  return { up, down, size: [m, rank, n] }
}
