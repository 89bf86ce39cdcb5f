import { crc32 } from 'node:zlib'
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { messages } from '../messages.ts'

export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

/** Length and name before the data, CRC behind it. */
const FRAME = 12

export interface PngChunk {
  /** Four letters; a small first one means that readers may pass over it. */
  readonly name: string
  readonly data: Uint8Array
}

/** u32 length, name, data, u32 CRC of name and data, all big-endian. */
export function encodeChunk({ name, data }: PngChunk): Uint8Array {
  const out = Buffer.alloc(data.byteLength + FRAME)
  out.writeUInt32BE(data.byteLength, 0)
  out.write(name, 4, 'latin1')
  out.set(data, 8)
  out.writeUInt32BE(crc32(out.subarray(4, -4)), data.byteLength + 8)
  return out
}

/** Pictures in tools of this field have a dozen; a file of empty ones (12 bytes each) would be all bookkeeping. */
const MAX_CHUNKS = 100_000

export interface PngChunks {
  readonly chunks: readonly PngChunk[]
  /** Why the next chunk was not read. */
  readonly damage?: SdtoolError
}

/**
 * The chunks up to IEND whose checksums are right, or up to the first that is damaged. What stands behind IEND is not
 * part of the picture.
 * @throws PNG_DAMAGED (exit 3): no PNG, or too many chunks
 */
export function readChunks(bytes: Uint8Array): PngChunks {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw damaged(messages.noSignature)
  const chunks: PngChunk[] = []
  for (let at = SIGNATURE.length; chunks.at(-1)?.name !== 'IEND'; ) {
    if (chunks.length === MAX_CHUNKS) throw damaged(messages.tooManyChunks(MAX_CHUNKS))
    const { chunk, problem } = readChunk(file, at)
    if (chunk === undefined) return { chunks, damage: damaged(problem) }
    chunks.push(chunk)
    at += chunk.data.byteLength + FRAME
  }
  return { chunks }
}

type ReadChunk =
  | { readonly chunk: PngChunk; readonly problem?: never }
  | { readonly chunk?: never; readonly problem: string }

function readChunk(file: Buffer, at: number): ReadChunk {
  if (at + FRAME > file.length) return { problem: messages.endsEarly(file.length) }
  const length = file.readUInt32BE(at)
  const name = file.toString('latin1', at + 4, at + 8)
  if (!/^[A-Za-z]{4}$/.test(name)) return { problem: messages.badChunkName(at) }
  if (length > file.length - at - FRAME) {
    return { problem: messages.chunkTooLong(name, at, length, file.length - at - FRAME) }
  }
  const end = at + 8 + length
  if (file.readUInt32BE(end) !== crc32(file.subarray(at + 4, end))) {
    return { problem: messages.wrongChecksum(name, at) }
  }
  return { chunk: { name, data: file.subarray(at + 8, end) } }
}

export function damaged(problem: string): SdtoolError {
  return refuse('PNG_DAMAGED', messages.damagedPng(problem), messages.copyAgain)
}
