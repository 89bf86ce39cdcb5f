import rows from './python-pickles.json' with { type: 'json' }

/** Written by Python, numpy and torch themselves: fixtures/make-python-pickles.py. */
export const pythonPickles = rows as unknown as {
  readonly plain: readonly { name: string; protocol: number; pickle: string; value: unknown }[]
  readonly arrays: readonly {
    name: string
    protocol: number
    pickle: string
    dtype: string
    shape: number[]
    hex: string
  }[]
  readonly opaque: readonly { name: string; protocol: number; pickle: string }[]
  readonly torch: readonly {
    name: string
    legacy: boolean
    file: string
    tensors: Record<string, { dtype: string; shape: number[]; hex: string }>
  }[]
}

/** Types of sdtool by the names of torch and numpy. */
export const DTYPE_OF: Record<string, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  uint16: 'U16',
  bool: 'BOOL',
  complex64: 'C64',
  complex128: 'C128',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
}

export function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64')
}
