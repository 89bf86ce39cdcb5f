/** Boxes of the ISO base media file format, and the items of a `meta` box. Source: ISO/IEC 14496-12. */
import { MAX_TEXT_BYTES } from '../texts/image-text.ts'

export interface Box {
  readonly type: string
  readonly data: Buffer
}

/** A picture has some thirty boxes; a grid of tiles some hundreds of items. */
const MAX_BOXES = 10_000

/** 4.2: u32 size that counts itself, type; size 1 is followed by a u64 size, size 0 goes to the end. */
export function boxesIn(bytes: Buffer): { boxes: readonly Box[]; stoppedAt?: number } {
  const boxes: Box[] = []
  let at = 0
  while (at < bytes.length) {
    const isLarge = at + 16 <= bytes.length && bytes.readUInt32BE(at) === 1
    const header = isLarge ? 16 : 8
    if (at + header > bytes.length || boxes.length === MAX_BOXES) return { boxes, stoppedAt: at }
    const told = isLarge ? Number(bytes.readBigUInt64BE(at + 8)) : bytes.readUInt32BE(at)
    const size = told === 0 ? bytes.length - at : told
    if (size < header || at + size > bytes.length) return { boxes, stoppedAt: at }
    boxes.push({
      type: bytes.toString('latin1', at + 4, at + 8),
      data: bytes.subarray(at + header, at + size),
    })
    at += size
  }
  return { boxes }
}

export interface Item {
  readonly id: number
  readonly type: string
  /** Of items of type `mime`. */
  readonly contentType?: string
}

/** 8.11.6: the entries of `iinf`. */
export function itemsIn(meta: readonly Box[]): Item[] {
  const list = meta.find(({ type }) => type === 'iinf')?.data
  if (list === undefined || list.length < 6) return []
  const entries = boxesIn(list.subarray(list[0] === 0 ? 6 : 8)).boxes
  return entries.filter(({ type, data }) => type === 'infe' && data.length >= 12).map(itemOf)
}

/** Version and flags; id, protection, type, a name, for `mime` the kind of its content. The id has 4 bytes in version 3. */
function itemOf({ data }: Box): Item {
  const isLong = data[0] === 3 && data.length >= 14
  const [type, ...texts] = data
    .subarray(isLong ? 10 : 8)
    .toString('latin1')
    .split('\0')
  return {
    id: isLong ? data.readUInt32BE(4) : data.readUInt16BE(4),
    type: type!.slice(0, 4),
    ...(type!.startsWith('mime') && texts[0] !== undefined && { contentType: texts[0] }),
  }
}

/** Texts are in one piece, or in two. */
const MAX_EXTENTS = 1000

/** 8.11.3: the bytes of an item, by `iloc`. Undefined for one that is not there, not whole, or too large for a text. */
export function itemData(id: number, meta: readonly Box[], file: Buffer): Buffer | undefined {
  const table = meta.find(({ type }) => type === 'iloc')?.data
  const location = table && locationOf(id, table)
  if (!location || location.extents.length > MAX_EXTENTS) return undefined
  const from = location.isInside ? meta.find(({ type }) => type === 'idat')?.data : file
  const total = location.extents.reduce((sum, { length }) => sum + length, 0)
  const isThere = location.extents.every(({ offset, length }) => from && offset + length <= from.length)
  if (from === undefined || !isThere || total > MAX_TEXT_BYTES) return undefined
  return Buffer.concat(location.extents.map(({ offset, length }) => from.subarray(offset, offset + length)))
}

interface Location {
  /** In `idat`, not in the file. */
  readonly isInside: boolean
  readonly extents: readonly { readonly offset: number; readonly length: number }[]
}

/** What stands beyond the end of a table is 0. */
interface Cursor {
  readonly isOver: boolean
  /** Big-endian, 0 to 8 bytes. */
  take(bytes: number): number
}

function cursorOn(data: Buffer): Cursor {
  let at = 0
  return {
    get isOver() {
      return at >= data.length
    },
    take(bytes) {
      let value = 0
      for (let i = 0; i < bytes; i++) value = value * 256 + (data[at + i] ?? 0)
      at += bytes
      return value
    },
  }
}

function locationOf(id: number, table: Buffer): Location | undefined {
  const cursor = cursorOn(table)
  const version = cursor.take(4) >>> 24
  const [sizes, more] = [cursor.take(1), cursor.take(1)]
  const bytes = {
    offset: sizes >> 4,
    length: sizes & 15,
    base: more >> 4,
    index: version > 0 ? more & 15 : 0,
  }
  const count = cursor.take(version < 2 ? 2 : 4)
  for (let i = 0; i < count && !cursor.isOver; i++) {
    const found = cursor.take(version < 2 ? 2 : 4)
    const method = version > 0 ? cursor.take(2) & 15 : 0
    cursor.take(2) // where its data are kept: in this file
    const base = cursor.take(bytes.base)
    const extents = cursor.take(2)
    if (found === id) return { isInside: method === 1, extents: extentsAt(cursor, extents, base, bytes) }
    cursor.take(extents * (bytes.index + bytes.offset + bytes.length))
  }
  return undefined
}

function extentsAt(
  cursor: Cursor,
  count: number,
  base: number,
  bytes: { readonly index: number; readonly offset: number; readonly length: number },
): Location['extents'] {
  return Array.from({ length: count }, () => {
    cursor.take(bytes.index)
    return { offset: base + cursor.take(bytes.offset), length: cursor.take(bytes.length) }
  })
}
