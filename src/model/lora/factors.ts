/** The tensors of a LoRA module made of singular vectors. */
import type { Svd } from '../../tensor/algebra/svd.ts'
import type { CastStats } from '../../tensor/numeric/cast-stats.ts'
import { decodeFloats, encodeFloats } from '../../tensor/numeric/float.ts'
import { blockBytes, elementCount } from '../../tensor/values/dtype.ts'
import type { StoredSource, Tensor } from '../../tensor/values/table.ts'

/** Types of factors, as options name them. */
export const FACTOR_DTYPES = { fp16: 'F16', bf16: 'BF16', fp32: 'F32' } as const

export type FactorDTypeName = keyof typeof FACTOR_DTYPES

export type FactorDType = (typeof FACTOR_DTYPES)[FactorDTypeName]

export function factorTypeName(dtype: FactorDType): FactorDTypeName {
  const names = Object.keys(FACTOR_DTYPES) as FactorDTypeName[]
  return names.find((name) => FACTOR_DTYPES[name] === dtype)!
}

/** Keeps computed bytes until they are written, see `Spool`. */
export type Keep = (bytes: Uint8Array) => Promise<StoredSource>

/** Both factors of a module [O, I] or [O, I, kh, kw], rounded to their type. */
export interface Factors {
  /** [O, r] */
  readonly up: Uint8Array
  /** [r, I*kh*kw] */
  readonly down: Uint8Array
  readonly rank: number
}

/**
 * up = U sqrt(S), down = sqrt(S) V^T. kohya's tools put all of S on `up`; half on either side keeps both in the range
 * where binary16 is exact, for the same product.
 */
export function roundedFactors(
  { values, left, right }: Svd,
  rank: number,
  [m, n]: readonly [number, number],
  dtype: FactorDType,
  stats: CastStats,
): Factors {
  const up = new Float32Array(m * rank)
  const down = new Float32Array(rank * n)
  for (let i = 0; i < rank; i++) {
    const root = Math.sqrt(values[i] ?? 0)
    for (let o = 0; o < m; o++) up[o * rank + i] = left[i * m + o]! * root
    if (root > 0) for (let c = 0; c < n; c++) down[i * n + c] = right[i * n + c]! / root
  }
  return { up: encoded(up, dtype, stats), down: encoded(down, dtype, stats), rank }
}

function encoded(values: Float32Array, dtype: FactorDType, stats: CastStats): Uint8Array {
  const out = new Uint8Array(blockBytes(dtype, 0, values.length))
  encodeFloats(dtype, values, out, stats)
  return out
}

/** The factors as they will be read. */
export function decoded(bytes: Uint8Array, dtype: FactorDType, length: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(length)
  decodeFloats(dtype, bytes, out)
  return out
}

/** Names of kohya-ss/sd-scripts; a convolution has its kernel in `lora_down`. `alpha` stays exact as binary32. */
export async function factorTensors(
  module: string,
  shape: readonly number[],
  { up, down, rank }: Factors,
  alpha: number,
  dtype: FactorDType,
  keep: Keep,
): Promise<Tensor[]> {
  const kernel = shape.slice(2).map(() => 1)
  const tensor = async (role: string, dims: number[], bytes: Uint8Array): Promise<Tensor> => {
    return { name: `${module}.${role}.weight`, dtype, shape: dims, source: await keep(bytes) }
  }
  return [
    alphaTensor(module, alpha),
    await tensor('lora_down', [rank, ...shape.slice(1)], down),
    await tensor('lora_up', [shape[0]!, rank, ...kernel], up),
  ]
}

export function alphaTensor(module: string, alpha: number): Tensor {
  const data = new Uint8Array(Float32Array.of(alpha).buffer)
  return { name: `${module}.alpha`, dtype: 'F32', shape: [], source: { kind: 'bytes', data } }
}

/** [O, I*kh*kw] */
export function matrixSize(shape: readonly number[]): readonly [number, number] {
  return [shape[0] ?? 1, elementCount(shape.slice(1))]
}
