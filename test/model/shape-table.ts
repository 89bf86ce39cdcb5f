import { readFileSync } from 'node:fs'
import { byteLength, type DType } from '../../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { type OracleTensor, type RealRow, realFile, realIndex } from '../real-files.ts'

export type Shapes = Readonly<Record<string, readonly number[]>>

/** A table of tensors whose values are all zero: for code that looks at names and shapes. */
export function shapeTable(
  shapes: Shapes,
  metadata: Record<string, string> = {},
  dtype: DType = 'F16',
): TensorTable {
  const tensors = Object.entries(shapes).map(([name, shape]) => [name, zeros(name, shape, dtype)] as const)
  return { tensors: new Map(tensors), metadata }
}

function zeros(name: string, shape: readonly number[], dtype: DType): Tensor {
  const file = { path: 'test', size: 0 }
  return {
    name,
    dtype,
    shape,
    source: { kind: 'stored', file, offset: 0, nbytes: byteLength(dtype, shape)! },
  }
}

/** Read once: the index is large. */
let rows: RealRow[] | undefined

interface Oracle {
  readonly metadata?: Record<string, string> | null
  readonly tensors: Record<string, OracleTensor>
}

/** Names, shapes and metadata of a real file as torch or safetensors read them; zeros as values. */
export function realTable(file: string): TensorTable {
  rows ??= realIndex()
  const oracle = rows.find((row) => row.file === file)?.oracle as unknown as Oracle
  const shapes = Object.entries(oracle.tensors).map(([name, { shape }]) => [name, shape])
  return shapeTable(Object.fromEntries(shapes), oracle.metadata ?? {})
}

/** A key list of a real model (`keys/<name>.json` of InvokeAI's test files). */
export function realKeys(name: string): TensorTable {
  const path = realFile(`keys/invoke-ai__InvokeAI__tests__test_model_probe__${name}.json`)!
  const rows = Object.entries(
    JSON.parse(readFileSync(path, 'utf8')) as Record<string, { shape?: number[] } | null>,
  )
  const shapes = rows.flatMap(([key, row]) => (row?.shape === undefined ? [] : [[key, row.shape]]))
  return shapeTable(Object.fromEntries(shapes))
}
