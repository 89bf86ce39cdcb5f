/**
 * Eigenvalues and eigenvectors of real symmetric matrices, in binary64: reduction to tridiagonal form by Householder
 * reflections, then implicit QL steps. Source: tred2 and tql2 of EISPACK (Martin, Reinsch, Wilkinson 1968; Bowdler,
 * Martin, Reinsch, Wilkinson 1968).
 */

export interface Eigen {
  /** Descending. */
  readonly values: Float64Array
  /** [n, n]: row i is the eigenvector of values[i], of length 1. */
  readonly vectors: Float64Array
}

/** A sweep of QL steps for one eigenvalue takes two or three; this many mean that the matrix has no finite values. */
const MAX_STEPS = 60

/**
 * Eigenvalues, largest first, and eigenvectors of a symmetric matrix [n, n], row-major.
 * @throws RangeError for values that are not finite
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const rows = matrix.slice()
  const { diagonal, beside } = tridiagonal(rows, n)
  // rows of the transposed transformation lie side by side in memory, and are what QL turns
  transposeInPlace(rows, n)
  qlImplicit(diagonal, beside, n, rows)
  return sorted(diagonal, rows, n)
}

/** The eigenvalues alone, largest first: a fraction of the work. @throws RangeError for values that are not finite */
export function symmetricValues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, beside } = tridiagonal(matrix.slice(), n, false)
  qlImplicit(diagonal, beside, n)
  return diagonal.sort().reverse()
}

interface Tridiagonal {
  readonly diagonal: Float64Array
  /** beside[i] stands between i - 1 and i; beside[0] is 0. */
  readonly beside: Float64Array
}

/** Replaces `a` by the orthogonal transformation (columns are images of the unit vectors), if that is wanted. */
function tridiagonal(a: Float64Array, n: number, withVectors = true): Tridiagonal {
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(n)
  for (let i = n - 1; i > 0; i--) diagonal[i] = reflectRow(a, n, i, beside, diagonal, withVectors)
  diagonal[0] = 0
  for (let i = 0; i < n; i++) {
    if (withVectors) accumulate(a, n, i, diagonal[i]!)
    diagonal[i] = a[i * n + i]!
    if (!withVectors) continue
    a[i * n + i] = 1
    for (let j = 0; j < i; j++) a[i * n + j] = a[j * n + i] = 0
  }
  return { diagonal, beside }
}

/** Makes row i zero left of its neighbour of the diagonal. Returns h, half the square of the reflected vector. */
function reflectRow(
  a: Float64Array,
  n: number,
  i: number,
  beside: Float64Array,
  p: Float64Array,
  keep: boolean,
): number {
  const u = a.subarray(i * n, i * n + i)
  let size = 0
  for (let k = 0; k < i; k++) size += Math.abs(u[k]!)
  if (i === 1 || size === 0) {
    beside[i] = u[i - 1]!
    return 0
  }
  let h = 0
  for (let k = 0; k < i; k++) {
    u[k] = u[k]! / size
    h += u[k]! * u[k]!
  }
  const last = u[i - 1]!
  const g = last >= 0 ? -Math.sqrt(h) : Math.sqrt(h)
  beside[i] = size * g
  h -= last * g
  u[i - 1] = last - g
  timesSymmetric(a, n, i, u, p)
  let f = 0
  for (let j = 0; j < i; j++) {
    if (keep) a[j * n + i] = u[j]! / h
    p[j] = p[j]! / h
    f += p[j]! * u[j]!
  }
  const half = f / (h + h)
  for (let j = 0; j < i; j++) p[j] = p[j]! - half * u[j]!
  for (let j = 0; j < i; j++) subtractOuter(a, j * n, j + 1, u[j]!, p[j]!, p, u)
  return h
}

/** p = A u for the leading [i, i] of which the lower triangle is stored. */
function timesSymmetric(a: Float64Array, n: number, i: number, u: Float64Array, p: Float64Array): void {
  for (let j = 0; j < i; j++) p[j] = 0
  for (let j = 0; j < i; j++) {
    const row = j * n
    const uj = u[j]!
    let sum = a[row + j]! * uj
    for (let k = 0; k < j; k++) {
      const value = a[row + k]!
      sum += value * u[k]!
      p[k] = p[k]! + value * uj
    }
    p[j] = p[j]! + sum
  }
}

/** row -= uj * p + pj * u */
function subtractOuter(
  a: Float64Array,
  at: number,
  length: number,
  uj: number,
  pj: number,
  p: Float64Array,
  u: Float64Array,
): void {
  for (let k = 0; k < length; k++) a[at + k] = a[at + k]! - (uj * p[k]! + pj * u[k]!)
}

/** Applies reflection i to the transformation of those before it. */
function accumulate(a: Float64Array, n: number, i: number, h: number): void {
  if (h === 0) return
  const g = new Float64Array(i)
  for (let k = 0; k < i; k++) {
    const factor = a[i * n + k]!
    for (let j = 0; j < i; j++) g[j] = g[j]! + factor * a[k * n + j]!
  }
  for (let k = 0; k < i; k++) {
    const factor = a[k * n + i]!
    for (let j = 0; j < i; j++) a[k * n + j] = a[k * n + j]! - g[j]! * factor
  }
}

function transposeInPlace(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const kept = a[i * n + j]!
      a[i * n + j] = a[j * n + i]!
      a[j * n + i] = kept
    }
  }
}

/** Turns the diagonal into the eigenvalues; each rotation is applied to two rows of `vectors`, too. */
function qlImplicit(d: Float64Array, beside: Float64Array, n: number, vectors?: Float64Array): void {
  const e = beside
  e.copyWithin(0, 1)
  e[n - 1] = 0
  for (let l = 0; l < n; l++) {
    for (let step = 0; ; step++) {
      const m = smallBeside(d, e, l, n)
      if (m === l) break
      if (step === MAX_STEPS)
        throw new RangeError('no eigenvalues: the matrix has values that are no numbers')
      qlStep(d, e, l, m, n, vectors)
    }
  }
}

/** First place from l on behind which the matrix falls apart. */
function smallBeside(d: Float64Array, e: Float64Array, l: number, n: number): number {
  let m = l
  for (; m < n - 1; m++) {
    const size = Math.abs(d[m]!) + Math.abs(d[m + 1]!)
    if (Math.abs(e[m]!) <= Number.EPSILON * size) break
  }
  return m
}

function qlStep(
  d: Float64Array,
  e: Float64Array,
  l: number,
  m: number,
  n: number,
  vectors?: Float64Array,
): void {
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!)
  let r = Math.hypot(g, 1)
  g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r))
  let [s, c, p] = [1, 1, 0]
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!
    const b = c * e[i]!
    r = Math.hypot(f, g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1] = d[i + 1]! - p
      e[m] = 0
      return
    }
    s = f / r
    c = g / r
    g = d[i + 1]! - p
    r = (d[i]! - g) * s + 2 * c * b
    p = s * r
    d[i + 1] = g + p
    g = c * r - b
    if (vectors) turn(vectors, i * n, (i + 1) * n, n, c, s)
  }
  d[l] = d[l]! - p
  e[l] = g
  e[m] = 0
}

function turn(vectors: Float64Array, at: number, next: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const f = vectors[next + k]!
    const own = vectors[at + k]!
    vectors[next + k] = s * own + c * f
    vectors[at + k] = c * own - s * f
  }
}

function sorted(values: Float64Array, vectors: Float64Array, n: number): Eigen {
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!)
  const out = new Float64Array(n * n)
  order.forEach((from, to) => void out.set(vectors.subarray(from * n, (from + 1) * n), to * n))
  return { values: Float64Array.from(order, (from) => values[from]!), vectors: out }
}
