/** GIF: size and comments. A1111 saves its parameters there. Source: GIF89a specification (CompuServe, 1990). */
import { damagedPicture, type PictureContents } from '../image-file.ts'
import { messages } from '../messages.ts'
import { type ImageText, MAX_TEXT_BYTES, textOf } from '../texts/image-text.ts'

/** Signature and logical screen descriptor. */
const HEADER_BYTES = 13

const [EXTENSION, COMMENT, IMAGE, TRAILER] = [0x21, 0xfe, 0x2c, 0x3b]

/** @throws PICTURE_DAMAGED (exit 3) */
export function openGif(bytes: Buffer): PictureContents {
  if (bytes.length < HEADER_BYTES) throw damagedPicture('GIF', messages.noSize)
  const [width, height] = [bytes.readUInt16LE(6), bytes.readUInt16LE(8)]
  const { texts, stoppedAt } = readBlocks(bytes)
  const contents = { title: 'GIF', width, height, texts }
  if (stoppedAt === undefined) return contents
  return { ...contents, damage: damagedPicture('GIF', messages.blockPastEnd(stoppedAt)) }
}

/** Bytes of a colour table whose flags are given: three for each of its 2, 4 ... 256 colours, if there is one. */
function tableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

/** Blocks up to the trailer. @returns where reading stopped, if not there */
function readBlocks(bytes: Buffer): { texts: readonly ImageText[]; stoppedAt?: number } {
  const texts: ImageText[] = []
  let room = MAX_TEXT_BYTES
  let at = HEADER_BYTES + tableBytes(bytes[10]!)
  while (bytes[at] !== TRAILER) {
    const isExtension = bytes[at] === EXTENSION
    if (!isExtension && bytes[at] !== IMAGE) return { texts, stoppedAt: at }
    // a label; or position, size and flags, a table of colours, the size of a code
    const data = at + (isExtension ? 2 : 11 + tableBytes(bytes[at + 9] ?? 0))
    const end = subBlocksEnd(bytes, data)
    if (end === undefined) return { texts, stoppedAt: at }
    if (isExtension && bytes[at + 1] === COMMENT && end - data <= room) {
      room -= end - data
      texts.push({ keyword: 'Comment', text: textOf(joined(bytes, data)) })
    }
    at = end
  }
  return { texts }
}

/** Behind the empty block that ends a chain of blocks, each a byte of length and its data. */
function subBlocksEnd(bytes: Buffer, from: number): number | undefined {
  let at = from
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1
  return at < bytes.length ? at + 1 : undefined
}

function joined(bytes: Buffer, from: number): Buffer {
  const parts: Buffer[] = []
  for (let at = from; bytes[at] !== 0; at += bytes[at]! + 1)
    parts.push(bytes.subarray(at + 1, at + 1 + bytes[at]!))
  return Buffer.concat(parts)
}
