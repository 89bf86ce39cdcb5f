/**
 * Element types of stored tensors. A type is a block of `elements` that takes `bytes`: 1 element for plain
 * types, 2 to 256 for packed and quantised ones.
 */
export interface DTypeInfo {
  readonly elements: number
  readonly bytes: number
  readonly kind: 'float' | 'int' | 'bool' | 'complex' | 'quantised'
}

function plain(kind: DTypeInfo['kind'], bytes: number): DTypeInfo {
  return { elements: 1, bytes, kind }
}

function packed(elements: number, bytes: number): DTypeInfo {
  return { elements, bytes, kind: 'quantised' }
}

/** Names as in the safetensors format; GGUF block types keep their ggml names. */
export const DTYPES = {
  F64: plain('float', 8),
  F32: plain('float', 4),
  F16: plain('float', 2),
  BF16: plain('float', 2),
  F8_E4M3: plain('float', 1),
  F8_E5M2: plain('float', 1),
  F8_E4M3FNUZ: plain('float', 1),
  F8_E5M2FNUZ: plain('float', 1),
  F8_E8M0: plain('float', 1),
  I64: plain('int', 8),
  I32: plain('int', 4),
  I16: plain('int', 2),
  I8: plain('int', 1),
  U64: plain('int', 8),
  U32: plain('int', 4),
  U16: plain('int', 2),
  U8: plain('int', 1),
  BOOL: plain('bool', 1),
  C64: plain('complex', 8),
  C128: plain('complex', 16),
  // OCP microscaling elements, packed without padding
  F6_E2M3: packed(4, 3),
  F6_E3M2: packed(4, 3),
  F4: packed(2, 1),
  // ggml block layouts: ggml-common.h, block_q*
  Q4_0: packed(32, 18),
  Q4_1: packed(32, 20),
  Q5_0: packed(32, 22),
  Q5_1: packed(32, 24),
  Q8_0: packed(32, 34),
  Q8_1: packed(32, 36),
  Q2_K: packed(256, 84),
  Q3_K: packed(256, 110),
  Q4_K: packed(256, 144),
  Q5_K: packed(256, 176),
  Q6_K: packed(256, 210),
  Q8_K: packed(256, 292),
  IQ2_XXS: packed(256, 66),
  IQ2_XS: packed(256, 74),
  IQ3_XXS: packed(256, 98),
  IQ1_S: packed(256, 50),
  IQ4_NL: packed(32, 18),
  IQ3_S: packed(256, 110),
  IQ2_S: packed(256, 82),
  IQ4_XS: packed(256, 136),
  IQ1_M: packed(256, 56),
  TQ1_0: packed(256, 54),
  TQ2_0: packed(256, 66),
  MXFP4: packed(32, 17),
} as const satisfies Record<string, DTypeInfo>

export type DType = keyof typeof DTYPES

/** Float types that `convert` and `prune` can write. */
export type OutputDType = 'F32' | 'F16' | 'BF16' | 'F8_E4M3' | 'F8_E5M2'

export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name)
}

export function dtypeInfo(dtype: DType): DTypeInfo {
  return DTYPES[dtype]
}

export function isFloat(dtype: DType): boolean {
  return DTYPES[dtype].kind === 'float'
}

/** Number of elements; 1 for a 0-D tensor. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const n of shape) count *= n
  return count
}

/** Bytes of a contiguous tensor, or undefined if the elements do not fill whole blocks. */
export function byteLength(dtype: DType, shape: readonly number[]): number | undefined {
  const { elements, bytes } = DTYPES[dtype]
  const count = elementCount(shape)
  return count % elements === 0 ? (count / elements) * bytes : undefined
}

/** Bytes of elements [begin, end) of a tensor of this type. */
export function blockBytes(dtype: DType, begin: number, end: number): number {
  const { elements, bytes } = DTYPES[dtype]
  return ((end - begin) / elements) * bytes
}
