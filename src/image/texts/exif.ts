/** Text in EXIF: where A1111 and ComfyUI put theirs in pictures that are no PNG. */
import { type ImageText, MAX_TEXT_BYTES, textOf, withoutNuls } from './image-text.ts'

/** Tags with text that tools of this field write: EXIF 2.32, tables 4 and 8. ComfyUI uses Make and those below it for JSON. */
const TAGS: Readonly<Record<number, string>> = {
  269: 'DocumentName',
  270: 'ImageDescription',
  271: 'Make',
  272: 'Model',
  305: 'Software',
  37510: 'UserComment',
}

/** Points to a second directory. */
const EXIF_DIRECTORY = 0x8769

/** Bytes of a value, by its type. Others hold no text. */
const SIZES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 7: 1 }

/** A value of up to four bytes stands in the entry itself. */
const ENTRY = { bytes: 12, inline: 4 } as const

/**
 * Texts of an EXIF block (a TIFF file, with or without `Exif\0\0` before it). What makes no sense is left out: it is a
 * note on a picture, not the picture: also what has more than 16 MiB of text (entries may all name the same bytes, so the
 * sum counts), and all but the first text of a tag, which may stand once.
 */
export function exifTexts(block: Uint8Array): ImageText[] {
  const whole = Buffer.from(block)
  const tiff = whole.toString('latin1', 0, 6) === 'Exif\0\0' ? whole.subarray(6) : whole
  const order = tiff.toString('latin1', 0, 2)
  if (!['II', 'MM'].includes(order) || tiff.length < 8) return []
  const reader = readerOf(tiff, order === 'II')
  const main = entriesAt(reader, reader.u32(4))
  const pointer = main.find(({ tag }) => tag === EXIF_DIRECTORY)
  const more = pointer ? entriesAt(reader, reader.u32(pointer.at + 8)) : []
  return firstTexts(reader, [...main, ...more])
}

function firstTexts(reader: Reader, entries: readonly Entry[]): ImageText[] {
  const texts = new Map<number, ImageText>()
  let room = MAX_TEXT_BYTES
  for (const entry of entries) {
    const value = texts.has(entry.tag) ? undefined : textBytes(reader, entry)
    if (value === undefined || value.data.byteLength > room) continue
    room -= value.data.byteLength
    texts.set(entry.tag, entryText(value))
  }
  return [...texts.values()]
}

interface Reader {
  readonly data: Buffer
  /** 0 beyond the end. */
  u16(at: number): number
  u32(at: number): number
}

function readerOf(data: Buffer, isLittle: boolean): Reader {
  const inside = (at: number, bytes: number) => at >= 0 && at + bytes <= data.length
  return {
    data,
    u16: (at) => (inside(at, 2) ? (isLittle ? data.readUInt16LE(at) : data.readUInt16BE(at)) : 0),
    u32: (at) => (inside(at, 4) ? (isLittle ? data.readUInt32LE(at) : data.readUInt32BE(at)) : 0),
  }
}

interface Entry {
  readonly tag: number
  readonly at: number
}

/** A directory: count, then entries of tag, type, count, value or offset. */
function entriesAt({ data, u16 }: Reader, at: number): Entry[] {
  const count = Math.min(u16(at), Math.floor(Math.max(0, data.length - at - 2) / ENTRY.bytes))
  return Array.from({ length: count }, (_, i) => {
    const entry = at + 2 + i * ENTRY.bytes
    return { tag: u16(entry), at: entry }
  })
}

interface TextValue {
  readonly keyword: string
  readonly data: Buffer
}

/** Undefined for a tag without text, and for a value beyond the end. */
function textBytes({ data, u16, u32 }: Reader, { tag, at }: Entry): TextValue | undefined {
  const keyword = Object.hasOwn(TAGS, tag) ? TAGS[tag]! : undefined
  const size = SIZES[u16(at + 2)]
  if (keyword === undefined || size === undefined) return undefined
  const bytes = size * u32(at + 4)
  const from = bytes <= ENTRY.inline ? at + 8 : u32(at + 8)
  if (from + bytes > data.length) return undefined
  return { keyword, data: data.subarray(from, from + bytes) }
}

function entryText({ keyword, data }: TextValue): ImageText {
  return { keyword, text: withoutNuls(keyword === 'UserComment' ? commentText(data) : textOf(data)) }
}

/** Names of encodings, eight bytes before a comment: EXIF 2.32, table 9. */
const UNICODE = 'UNICODE\0'
const ENCODINGS: readonly string[] = [UNICODE, 'ASCII\0\0\0', 'JIS\0\0\0\0\0', '\0'.repeat(8)]

/** Fooocus and nodes of ComfyUI write the text without the name of its encoding. */
function commentText(value: Buffer): string {
  const encoding = value.toString('latin1', 0, 8)
  const body = ENCODINGS.includes(encoding) ? value.subarray(8) : value
  if (encoding !== UNICODE) return textOf(body)
  const even = body.subarray(0, body.length - (body.length % 2))
  return (isBigEndian(even) ? Buffer.from(even).swap16() : even).toString('utf16le').replace(/^\ufeff/, '')
}

/** A1111 writes big-endian whatever the order of the block is; others do not. Text has more zeros in its high bytes. */
function isBigEndian(body: Buffer): boolean {
  let high = 0
  for (let i = 0; i + 1 < body.length; i += 2) high += Number(body[i] === 0) - Number(body[i + 1] === 0)
  return high >= 0
}
