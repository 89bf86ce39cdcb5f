/** Values of a matrix, row-major. */
export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>

/** Arithmetic is binary32, or binary64 where the result is written as binary32, and for checks. */
export type Precision = 'F32' | 'F64'

export function newFloats(precision: Precision, length: number): Floats {
  return precision === 'F32' ? new Float32Array(length) : new Float64Array(length)
}

/** a [m, k] @ b [k, n] -> [m, n]. Both inputs and the result are of one precision. */
export type MatMul = (a: Floats, b: Floats, m: number, k: number, n: number) => Promise<Floats>

/** In plain loops, every sum in binary64: for small matrices, and to check a faster one by. */
export const plainMatMul: MatMul = async (a, b, m, k, n) => {
  const out = a instanceof Float32Array ? new Float32Array(m * n) : new Float64Array(m * n)
  const row = new Float64Array(n)
  for (let i = 0; i < m; i++) {
    row.fill(0)
    for (let p = 0; p < k; p++) {
      const factor = a[i * k + p]!
      if (factor === 0) continue
      const at = p * n
      for (let j = 0; j < n; j++) row[j]! += factor * b[at + j]!
    }
    out.set(row, i * n)
  }
  return out
}
