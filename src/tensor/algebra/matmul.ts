/** Values of a matrix, row-major. */
export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** Arithmetic is binary32, or binary64 where the result is written as binary32, and for checks. */
export type Precision = 'F32' | 'F64'

/** `length` zeros. */
export function newFloats(precision: Precision, length: number): Floats {
  return precision === 'F32' ? new Float32Array(length) : new Float64Array(length)
}

/** Sizes of a product: [m, k] @ [k, n]. */
export type ProductSize = readonly [m: number, k: number, n: number]

/**
 * out = a @ b, or out += a @ b if `add`. All three are of one precision; `out` [m, n] is none of the others.
 */
export type MatMul = (a: Floats, b: Floats, out: Floats, size: ProductSize, add?: boolean) => Promise<void>

/** In plain loops, every sum in binary64: for small matrices, and to check faster ones by. */
export const plainMatMul: MatMul = async (a, b, out, [m, k, n], add = false) => {
  const row = new Float64Array(n)
  // one type in each call of the inner loop: over either type it is several times slower
  const addRow = b instanceof Float64Array ? addScaled64 : addScaled32
  for (let i = 0; i < m; i++) {
    if (add) row.set(out.subarray(i * n, (i + 1) * n))
    else row.fill(0)
    for (let p = 0; p < k; p++) addRow(row, a[i * k + p]!, b as never, p * n)
    out.set(row, i * n)
  }
}

function addScaled64(row: Float64Array, factor: number, from: Float64Array, at: number): void {
  for (let j = 0; j < row.length; j++) row[j] = row[j]! + factor * from[at + j]!
}

function addScaled32(row: Float64Array, factor: number, from: Float32Array, at: number): void {
  for (let j = 0; j < row.length; j++) row[j] = row[j]! + factor * from[at + j]!
}
