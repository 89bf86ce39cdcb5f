/** Protocol buffers as ONNX needs them: a message is a list of fields, made from the inside out. */

/** Wire types. Source: protobuf.dev/programming-guides/encoding */
const VARINT = 0
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** One encoded field. */
export type Field = Uint8Array

export function message(...fields: readonly (Field | readonly Field[])[]): Uint8Array {
  return concat(fields.flat())
}

/** int32, int64, enum, bool: as varint; negative numbers as their 64-bit two's complement. */
export function int(field: number, value: number | bigint): Field {
  return concat([varint((field << 3) | VARINT), varint(BigInt.asUintN(64, BigInt(value)))])
}

export function float(field: number, value: number): Field {
  return concat([varint((field << 3) | FIXED32), new Uint8Array(Float32Array.of(value).buffer)])
}

/** A string, bytes, or a message inside of this one. */
export function bytes(field: number, value: Uint8Array | string): Field {
  const content = typeof value === 'string' ? new TextEncoder().encode(value) : value
  return concat([varint((field << 3) | LENGTH_DELIMITED), varint(content.byteLength), content])
}

/** Repeated integers, packed. */
export function ints(field: number, values: readonly (number | bigint)[]): Field {
  return bytes(field, concat(values.map((value) => varint(BigInt.asUintN(64, BigInt(value))))))
}

function varint(value: number | bigint): Uint8Array {
  const out: number[] = []
  let rest = BigInt(value)
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
  return Uint8Array.from(out)
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
