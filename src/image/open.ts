/** Pictures as files: what they are, and the text in them. */
import { refuse } from '../system/errors.ts'
import { exifTexts, type ImageText } from './exif.ts'
import type { RgbImage } from './image.ts'
import { messages } from './messages.ts'
import { decodePixels, openPng } from './png/decode.ts'
import { decodeWebp } from './webp/decode.ts'

export interface ImageFile {
  readonly format: ImageFormat
  /** "PNG, 8-bit RGB". */
  readonly title: string
  readonly width: number
  readonly height: number
  /** In their order; keywords may come twice. */
  readonly texts: readonly ImageText[]
  /** Undefined for formats of which only the text is read. */
  pixels?(): RgbImage | Promise<RgbImage>
}

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** Bytes of a file that `imageFormat` needs. */
export const IMAGE_HEAD = 12

/** By the first bytes of a file; undefined for anything else. */
export function imageFormat(head: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(head).toString('latin1', 0, IMAGE_HEAD)
  if (text.startsWith('\x89PNG')) return 'png'
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg'
  return text.startsWith('RIFF') && text.endsWith('WEBP') ? 'webp' : undefined
}

/**
 * @param bytes the whole file
 * @throws PNG_DAMAGED, PNG_TEXT_TOO_LARGE, PICTURE_DAMAGED, PICTURE_UNKNOWN (exit 3)
 */
export function openImage(bytes: Uint8Array): ImageFile {
  const format = imageFormat(bytes)
  if (format === undefined) throw refuse('PICTURE_UNKNOWN', messages.notAPicture)
  return { format, ...OPENERS[format](Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) }
}

const OPENERS: Readonly<Record<ImageFormat, (bytes: Buffer) => Omit<ImageFile, 'format'>>> = {
  png(bytes) {
    const png = openPng(bytes)
    const { width, height, colour, depth, interlaced } = png.header
    const exif = png.chunks.filter(({ name }) => name === 'eXIf').flatMap(({ data }) => exifTexts(data))
    return {
      title: messages.pngTitle(colour.title, depth, interlaced),
      width,
      height,
      texts: [...png.texts, ...exif],
      pixels: () => decodePixels(png),
    }
  },
  jpeg(bytes) {
    const segments = jpegSegments(bytes)
    const frame = segments.find(({ marker }) => FRAME_MARKERS.has(marker))?.data
    if (!frame || frame.length < 5) throw damaged('JPEG', messages.noSize)
    const exif = segments.filter(
      ({ marker, data }) => marker === APP1 && data.toString('latin1', 0, 4) === 'Exif',
    )
    return {
      title: 'JPEG',
      width: frame.readUInt16BE(3),
      height: frame.readUInt16BE(1),
      texts: exif.flatMap(({ data }) => exifTexts(data)),
    }
  },
  webp(bytes) {
    const chunks = riffChunks(bytes)
    const size = chunks.map(webpSize).find((found) => found !== undefined)
    if (!size) throw damaged('WebP', messages.noSize)
    const exif = chunks.filter(({ name }) => name === 'EXIF')
    const texts = exif.flatMap(({ data }) => exifTexts(data))
    // an animation has its pixels in frames, and a lossy picture has others than those that were saved
    const isLossless = chunks.some(({ name }) => name === 'VP8L')
    return isLossless
      ? { title: messages.losslessWebp, ...size, texts, pixels: () => decodeWebp(bytes, size) }
      : { title: 'WebP', ...size, texts }
  },
}

function damaged(format: string, problem: string): Error {
  return refuse('PICTURE_DAMAGED', messages.damagedPicture(format, problem), messages.copyAgain)
}

const APP1 = 0xe1
/** Start of scan: compressed data follows. */
const SOS = 0xda
/** SOF0 to SOF15, apart from DHT, JPG and DAC, which lie between them: ITU-T T.81, table B.1. */
const FRAME_MARKERS: ReadonlySet<number> = new Set(
  Array.from({ length: 16 }, (_, i) => 0xc0 + i).filter((marker) => ![0xc4, 0xc8, 0xcc].includes(marker)),
)

/** Segments before the compressed data: 0xff, marker, u16 length that counts itself. */
function jpegSegments(bytes: Buffer): { marker: number; data: Buffer }[] {
  const segments: { marker: number; data: Buffer }[] = []
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw damaged('JPEG', messages.noSegment(at))
    const marker = bytes[at + 1]!
    if (marker === 0xff) at++
    else if (marker === SOS) break
    else {
      const length = bytes.readUInt16BE(at + 2)
      if (length < 2 || at + 2 + length > bytes.length) {
        throw damaged('JPEG', messages.segmentPastEnd(at))
      }
      segments.push({ marker, data: bytes.subarray(at + 4, at + 2 + length) })
      at += 2 + length
    }
  }
  return segments
}

interface RiffChunk {
  readonly name: string
  readonly data: Buffer
}

/** Name, u32 little-endian length, data, padded to even. */
function riffChunks(bytes: Buffer): RiffChunk[] {
  const chunks: RiffChunk[] = []
  for (let at = IMAGE_HEAD; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4)
    if (at + 8 + length > bytes.length) throw damaged('WebP', messages.chunkPastEnd(at))
    chunks.push({ name: bytes.toString('latin1', at, at + 4), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 8 + length + (length % 2)
  }
  return chunks
}

/** RFC 9649: the header of VP8X, VP8L (14 bits each) or VP8 (RFC 6386, 9.1). */
function webpSize({ name, data }: RiffChunk): { width: number; height: number } | undefined {
  if (data.length < 10) return undefined
  if (name === 'VP8X') return { width: 1 + data.readUIntLE(4, 3), height: 1 + data.readUIntLE(7, 3) }
  if (name === 'VP8L') {
    const bits = data.readUInt32LE(1)
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) }
  }
  if (name !== 'VP8 ') return undefined
  return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff }
}
