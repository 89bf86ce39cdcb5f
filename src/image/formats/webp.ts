/** WebP: size and texts, and the pixels of a lossless one. Source: RFC 9649. */
import type { SdtoolError } from '../../system/errors.ts'
import { damagedPicture, type PictureContents } from '../image-file.ts'
import { messages } from '../messages.ts'
import { exifTexts } from '../texts/exif.ts'
import { textOf } from '../texts/image-text.ts'
import { XMP_KEYWORD } from '../texts/xmp.ts'
import { decodeWebp, webpColumns } from '../webp/decode.ts'

/** `RIFF`, u32 size, `WEBP`. */
const HEADER_BYTES = 12

/** @throws PICTURE_DAMAGED (exit 3) */
export function openWebp(bytes: Buffer): PictureContents {
  const { chunks, damage } = riffChunks(bytes)
  const size = chunks.map(sizeIn).find((found) => found !== undefined)
  if (!size) throw damage ?? damagedPicture('WebP', messages.noSize)
  const dataOf = (wanted: string) => chunks.find(({ name }) => name === wanted)?.data
  const [exif, xmp] = [dataOf('EXIF'), dataOf('XMP ')]
  const contents = {
    ...size,
    texts: [...(exif ? exifTexts(exif) : []), ...(xmp ? [{ keyword: XMP_KEYWORD, text: textOf(xmp) }] : [])],
    ...(damage && { damage }),
  }
  // an animation has its pixels in frames, and a lossy picture has others than those that were saved
  const isLossless = dataOf('VP8L') !== undefined
  if (!isLossless) return { title: 'WebP', ...contents }
  return {
    title: messages.losslessWebp,
    ...contents,
    pixels: () => decodeWebp(bytes, size),
    columns: () => webpColumns(bytes, size),
  }
}

interface RiffChunk {
  readonly name: string
  readonly data: Buffer
}

/** Name, u32 little-endian length, data, padded to even. */
function riffChunks(bytes: Buffer): { chunks: readonly RiffChunk[]; damage?: SdtoolError } {
  const chunks: RiffChunk[] = []
  for (let at = HEADER_BYTES; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4)
    if (at + 8 + length > bytes.length)
      return { chunks, damage: damagedPicture('WebP', messages.chunkPastEnd(at)) }
    chunks.push({ name: bytes.toString('latin1', at, at + 4), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 8 + length + (length % 2)
  }
  return { chunks }
}

/** The header of VP8X, VP8L (14 bits each) or VP8 (RFC 6386, 9.1). */
function sizeIn({ name, data }: RiffChunk): { width: number; height: number } | undefined {
  if (data.length < 10) return undefined
  if (name === 'VP8X') return { width: 1 + data.readUIntLE(4, 3), height: 1 + data.readUIntLE(7, 3) }
  if (name === 'VP8L') {
    const bits = data.readUInt32LE(1)
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) }
  }
  if (name !== 'VP8 ') return undefined
  return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff }
}
