/** Pictures as files: what they are, and the text in them. */
import { refuse } from '../system/errors.ts'
import { openAvif } from './formats/avif.ts'
import { openGif } from './formats/gif.ts'
import { openJpeg } from './formats/jpeg.ts'
import { openWebp } from './formats/webp.ts'
import type { PictureContents } from './image-file.ts'
import { messages } from './messages.ts'
import { hasColumns, pngColumns } from './png/columns.ts'
import { decodePixels, openPng } from './png/decode.ts'
import { exifTexts } from './texts/exif.ts'
import { unwrapTexts } from './texts/unwrap.ts'

export interface ImageFile extends PictureContents {
  readonly format: ImageFormat
}

/** Bytes of a file that `imageFormat` needs: AVIF may name itself behind the names of other formats. */
export const IMAGE_HEAD = 64

interface PictureFormat {
  readonly endings: readonly string[]
  /** @param head the first bytes, as Latin-1 */
  knows(head: string): boolean
  /** @throws an SdtoolError where nothing can be told */
  open(bytes: Buffer): PictureContents
}

const FORMATS = {
  png: { endings: ['.png'], knows: (head) => head.startsWith('\x89PNG'), open: pngContents },
  jpeg: { endings: ['.jpg', '.jpeg'], knows: (head) => head.startsWith('\xff\xd8\xff'), open: openJpeg },
  webp: {
    endings: ['.webp'],
    knows: (head) => head.startsWith('RIFF') && head.startsWith('WEBP', 8),
    open: openWebp,
  },
  avif: { endings: ['.avif'], knows: (head) => RE_AVIF.test(head), open: openAvif },
  gif: { endings: ['.gif'], knows: (head) => /^GIF8[79]a/.test(head), open: openGif },
} satisfies Readonly<Record<string, PictureFormat>>

export type ImageFormat = keyof typeof FORMATS

/** The first box names the formats that the file keeps to, four bytes each (a sequence is `avis`). */
const RE_AVIF = /^.{4}ftyp(?:.{4}){0,12}?avi[fs]/s

/** How names of pictures end. */
export const PICTURE_ENDINGS: readonly string[] = Object.values(FORMATS).flatMap(({ endings }) => endings)

/** By the first bytes of a file; undefined for anything else. */
export function imageFormat(head: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(head.subarray(0, IMAGE_HEAD)).toString('latin1')
  const names = Object.keys(FORMATS) as ImageFormat[]
  return names.find((name) => FORMATS[name].knows(text))
}

/**
 * A picture that is cut or damaged behind a text still tells that text, with the damage beside it.
 * @param bytes the whole file
 * @throws PNG_DAMAGED, PNG_TEXT_TOO_LARGE, PICTURE_DAMAGED, PICTURE_UNKNOWN (exit 3)
 */
export function openImage(bytes: Uint8Array): ImageFile {
  const format = imageFormat(bytes)
  if (format === undefined) throw refuse('PICTURE_UNKNOWN', messages.notAPicture)
  const contents = FORMATS[format].open(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (contents.damage && contents.texts.length === 0) throw contents.damage
  return { format, ...contents, texts: unwrapTexts(contents.texts) }
}

function pngContents(bytes: Buffer): PictureContents {
  const png = openPng(bytes)
  const { width, height, colour, depth, interlaced } = png.header
  const exif = png.chunks.find(({ name }) => name === 'eXIf')
  return {
    title: messages.pngTitle(colour.title, depth, interlaced),
    width,
    height,
    texts: [...png.texts, ...(exif ? exifTexts(exif.data) : [])],
    pixels: () => decodePixels(png),
    ...(hasColumns(png.header) && { columns: () => pngColumns(png) }),
    ...(png.damage && { damage: png.damage }),
  }
}
