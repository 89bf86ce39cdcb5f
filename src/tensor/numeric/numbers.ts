/** Bytes of any type as numbers. */
import { DTYPES, type DType, isFloat } from '../values/dtype.ts'
import { newCastStats } from './cast-stats.ts'
import { castFloats, elementsOf } from './float.ts'

/** All values of bytes as numbers; I64 beyond 2^53 loses precision. @throws TypeError for types that are not numbers */
export function numbersOf(dtype: DType, bytes: Uint8Array): Float64Array {
  switch (dtype) {
    case 'F64':
      return elementsOf(Float64Array, bytes)
    case 'I64':
      return Float64Array.from(elementsOf(BigInt64Array, bytes), Number)
    case 'U64':
      return Float64Array.from(elementsOf(BigUint64Array, bytes), Number)
    case 'I32':
      return Float64Array.from(elementsOf(Int32Array, bytes))
    case 'U32':
      return Float64Array.from(elementsOf(Uint32Array, bytes))
    case 'I16':
      return Float64Array.from(elementsOf(Int16Array, bytes))
    case 'U16':
      return Float64Array.from(elementsOf(Uint16Array, bytes))
    case 'I8':
      return Float64Array.from(elementsOf(Int8Array, bytes))
    case 'U8':
    case 'BOOL':
      return Float64Array.from(bytes)
    default:
      return floatNumbers(dtype, bytes)
  }
}

function floatNumbers(dtype: DType, bytes: Uint8Array): Float64Array {
  if (!isFloat(dtype)) throw new TypeError(`${dtype} values cannot be read as numbers`)
  const floats = new Float32Array(bytes.byteLength / DTYPES[dtype].bytes)
  const out = new Uint8Array(floats.buffer)
  castFloats(dtype, 'F32', bytes, out, floats, newCastStats())
  return Float64Array.from(floats)
}
