import { expect } from 'vitest'
import type { Arithmetic } from '../../../src/tensor/algebra/arithmetic.ts'
import { fillRows } from '../../../src/tensor/algebra/evaluate.ts'
import { type Floats, newFloats, type Precision, plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { decodeNumbers } from '../../../src/tensor/numeric/float.ts'
import type { Matrix } from '../../../src/tensor/values/table.ts'
import { bytesTensor } from '../../tables.ts'

/** A matrix of these rows, stored in binary64. */
export function matrix(...rows: readonly (readonly number[])[]): Matrix {
  const data = new Uint8Array(Float64Array.from(rows.flat()).buffer)
  return matrixOf(bytesTensor('m', 'F64', [rows.length, rows[0]?.length ?? 0], data))
}

export function arithmetic(precision: Precision): Arithmetic {
  return {
    precision,
    fill: fillRows,
    matmul: plainMatMul,
    wholeMatrixCache: new Map(),
    async decode({ source, dtype }, begin, end, out) {
      if (source.kind !== 'bytes') throw new Error('tests keep their values in memory')
      decodeNumbers(dtype, source.data.subarray(8 * begin, 8 * end), out)
    },
  }
}

export async function valuesOf(m: Matrix, begin = 0, end = m.rows, by = arithmetic('F64')): Promise<Floats> {
  const out = newFloats(by.precision, (end - begin) * m.columns)
  await fillRows(m, begin, end, out, by)
  return out
}

/** Its values as rows, for comparison. Those in binary32, whose loops are others, are the same but for its rounding. */
export async function rowsOfMatrix(m: Matrix): Promise<number[][]> {
  const values = Array.from(await valuesOf(m))
  const single = await valuesOf(m, 0, m.rows, arithmetic('F32'))
  for (const [i, value] of values.entries())
    expect(Math.abs(single[i]! - value)).toBeLessThanOrEqual(2 ** -20 * Math.max(1, Math.abs(value)))
  return Array.from({ length: m.rows }, (_, r) => values.slice(r * m.columns, (r + 1) * m.columns))
}
