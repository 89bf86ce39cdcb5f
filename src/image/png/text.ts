/**
 * Text in a PNG: tEXt, zTXt and iTXt, section 11.3.3 of the specification; and `comf`, in which ComfyUI puts what other
 * pictures have in tEXt into animated ones (`SaveAnimatedPNG`).
 */
import { inflateSync } from 'node:zlib'
import { refuse, SdtoolError } from '../../system/errors.ts'
import { messages } from '../messages.ts'
import { type ImageText, MAX_TEXT_BYTES, textOf } from '../texts/image-text.ts'
import { damaged, type PngChunk } from './chunks.ts'

/**
 * A text as Pillow writes it, so that everything that reads Pillow's files reads it: tEXt if Latin-1 has all its
 * characters, or else iTXt, uncompressed, without a language. NUL, which neither allows, becomes U+FFFD.
 * @param text its keyword has 1 to 79 characters of Latin-1
 */
export function textChunk({ keyword, text }: ImageText): PngChunk {
  const clean = text.replaceAll('\0', '\ufffd')
  const key = Buffer.from(keyword, 'latin1')
  const latin1 = Buffer.from(clean, 'latin1')
  // some read UTF-8 there, as below
  if (latin1.toString('latin1') === clean && textOf(latin1) === clean) {
    return { name: 'tEXt', data: Buffer.concat([key, Buffer.alloc(1), latin1]) }
  }
  // end of the keyword, no compression, its method, no language, no translated keyword
  return { name: 'iTXt', data: Buffer.concat([key, Buffer.alloc(5), Buffer.from(clean, 'utf8')]) }
}

export interface PngTexts {
  readonly texts: readonly ImageText[]
  /** Of the first text that cannot be read; the others are. */
  readonly damage?: SdtoolError
}

/**
 * The texts of all chunks, in order.
 * @throws PNG_TEXT_TOO_LARGE (exit 3)
 */
export function readTexts(chunks: readonly PngChunk[]): PngTexts {
  const texts: ImageText[] = []
  let damage: SdtoolError | undefined
  let room = MAX_TEXT_BYTES
  for (const chunk of chunks) {
    const read = readText(chunk, room)
    if (read instanceof SdtoolError) damage ??= read
    else if (read) {
      room -= read.text.length
      if (room < 0) throw tooLarge()
      texts.push(read)
    }
  }
  return { texts, ...(damage && { damage }) }
}

/** Undefined for a chunk of another kind, an error for one that is damaged. @throws PNG_TEXT_TOO_LARGE (exit 3) */
function readText({ name, data }: PngChunk, room: number): ImageText | SdtoolError | undefined {
  try {
    return READERS[name]?.(Buffer.from(data), room)
  } catch (error) {
    if (error instanceof SdtoolError && error.code === 'PNG_DAMAGED') return error
    throw error
  }
}

function tooLarge(): Error {
  return refuse('PNG_TEXT_TOO_LARGE', messages.pngTextTooLarge(MAX_TEXT_BYTES))
}

/** @param room bytes that a text may still have */
const READERS: Readonly<Record<string, (data: Buffer, room: number) => ImageText>> = {
  tEXt: (data) => plainText(data, 'tEXt'),
  comf: (data) => plainText(data, 'comf'),
  zTXt(data, room) {
    const { keyword, rest } = split(data, 'zTXt')
    if (rest[0] !== 0) throw damaged(messages.unknownTextCompression(keyword))
    return { keyword, text: textOf(inflated(rest.subarray(1), keyword, room)) }
  },
  iTXt(data, room) {
    const { keyword, rest } = split(data, 'iTXt')
    const [isCompressed, method] = [rest[0], rest[1]]
    const languageEnd = rest.indexOf(0, 2)
    const translatedEnd = languageEnd < 0 ? -1 : rest.indexOf(0, languageEnd + 1)
    if (translatedEnd < 0) throw damaged(messages.textEndsEarly(keyword))
    const body = rest.subarray(translatedEnd + 1)
    if (isCompressed === 0) return { keyword, text: body.toString('utf8') }
    if (isCompressed !== 1 || method !== 0) throw damaged(messages.unknownTextCompression(keyword))
    return { keyword, text: inflated(body, keyword, room).toString('utf8') }
  },
}

/** Latin-1 by the specification; Stability Matrix, Tensor.Art and others write UTF-8. */
function plainText(data: Buffer, chunk: string): ImageText {
  const { keyword, rest } = split(data, chunk)
  return { keyword, text: textOf(rest) }
}

const MAX_KEYWORD = 79

function split(data: Buffer, chunk: string): { keyword: string; rest: Buffer } {
  const end = data.indexOf(0)
  // without the end of its keyword the chunk cannot be read as text
  if (end < 1 || end > MAX_KEYWORD) throw damaged(messages.badKeyword(chunk, MAX_KEYWORD))
  return { keyword: data.toString('latin1', 0, end), rest: data.subarray(end + 1) }
}

function inflated(data: Buffer, keyword: string, room: number): Buffer {
  try {
    return inflateSync(data, { maxOutputLength: Math.max(1, room) })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
    throw damaged(messages.textNotDecompressed(keyword))
  }
}
