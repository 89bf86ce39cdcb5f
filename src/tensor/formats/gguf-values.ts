/** Reads numbers, texts and metadata values from the header of a GGUF file. */
import { refuse } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { messages } from './messages.ts'

/** Array elements that the metadata repeats; a vocabulary is summed up instead. */
const SHOWN_ELEMENTS = 16
/** Arrays of arrays: the format allows them, no known writer makes them. */
const MAX_ARRAY_DEPTH = 4

/** The window ended inside the header: read a larger one. */
export class WindowEnd extends Error {}

export interface Cursor {
  readonly file: FileRef
  readonly view: DataView
  at: number
}

export function malformed(file: FileRef, code: string, detail: string): Error {
  return refuse(`GGUF_${code}`, `${file.path}: ${detail}`, messages.damagedGguf)
}

/** Moves on by `length` bytes and gives where they start. @throws WindowEnd */
export function advance(c: Cursor, length: number): number {
  const start = c.at
  if (length > c.view.byteLength - start) throw new WindowEnd()
  c.at = start + length
  return start
}

/** @throws WindowEnd */
export function u32(c: Cursor): number {
  return c.view.getUint32(advance(c, 4), true)
}

/** u64 LE; lengths, counts and places beyond 2^53 cannot be real. @throws WindowEnd, GGUF_SIZE (exit 3) */
export function u64(c: Cursor, what: string): number {
  const value = c.view.getBigUint64(advance(c, 8), true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw malformed(c.file, 'SIZE', messages.impossibleNumber(what, value))
  return Number(value)
}

/** UTF-8 behind its length. @throws WindowEnd, GGUF_SIZE (exit 3) */
export function text(c: Cursor, what: string): string {
  const length = u64(c, messages.lengthOf(what))
  if (length > c.file.size) throw malformed(c.file, 'SIZE', messages.longerThanFile(what, length))
  const start = advance(c, length)
  return Buffer.from(c.view.buffer, c.view.byteOffset + start, length).toString('utf8')
}

/** A vocabulary has a hundred thousand texts that nobody is shown. */
function skipText(c: Cursor, key: string): void {
  advance(c, u64(c, messages.metadataLength(key)))
}

export const INT32 = 5
const STRING = 8
export const ARRAY = 9

/** Readers of metadata values by type number (u8 ... f64). Source: gguf.md, enum gguf_metadata_value_type. */
const SCALARS: ReadonlyMap<
  number,
  { bytes: number; read(view: DataView, at: number): number | bigint | boolean }
> = new Map([
  [0, { bytes: 1, read: (view, at) => view.getUint8(at) }],
  [1, { bytes: 1, read: (view, at) => view.getInt8(at) }],
  [2, { bytes: 2, read: (view, at) => view.getUint16(at, true) }],
  [3, { bytes: 2, read: (view, at) => view.getInt16(at, true) }],
  [4, { bytes: 4, read: (view, at) => view.getUint32(at, true) }],
  [5, { bytes: 4, read: (view, at) => view.getInt32(at, true) }],
  [6, { bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  [7, { bytes: 1, read: (view, at) => view.getUint8(at) !== 0 }],
  [10, { bytes: 8, read: (view, at) => view.getBigUint64(at, true) }],
  [11, { bytes: 8, read: (view, at) => view.getBigInt64(at, true) }],
  [12, { bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
])

/**
 * A metadata value as text: arrays as JSON, long ones by their first elements and their length.
 * @throws WindowEnd, GGUF_METADATA, GGUF_SIZE (exit 3)
 */
export function value(c: Cursor, type: number, key: string, depth = 0): string {
  if (type === STRING) return text(c, messages.metadataNamed(key))
  if (type === ARRAY) return array(c, key, depth)
  const scalar = SCALARS.get(type)
  if (!scalar) throw malformed(c.file, 'METADATA', messages.unknownMetadataType(key, type))
  return String(scalar.read(c.view, advance(c, scalar.bytes)))
}

function array(c: Cursor, key: string, depth: number): string {
  if (depth >= MAX_ARRAY_DEPTH)
    throw malformed(c.file, 'METADATA', messages.metadataTooDeep(key, MAX_ARRAY_DEPTH))
  const type = u32(c)
  const count = u64(c, messages.metadataLength(key))
  if (count > c.file.size) throw malformed(c.file, 'SIZE', messages.tooManyElements(key, count))
  const shown = Array.from({ length: Math.min(count, SHOWN_ELEMENTS) }, () => {
    const element = value(c, type, key, depth + 1)
    return type === STRING ? JSON.stringify(element) : element
  })
  if (count <= SHOWN_ELEMENTS) return `[${shown.join(', ')}]`
  skipElements(c, type, count - SHOWN_ELEMENTS, key, depth)
  return messages.firstElements(shown.join(', '), count)
}

function skipElements(c: Cursor, type: number, count: number, key: string, depth: number): void {
  const scalar = SCALARS.get(type)
  if (scalar) {
    advance(c, scalar.bytes * count)
    return
  }
  for (let i = 0; i < count; i++) {
    if (type === STRING) skipText(c, key)
    else value(c, type, key, depth + 1)
  }
}
