import type { ByteSource } from '../../../src/system/bytes.ts'
import type { Piece } from '../../../src/tensor/write/container.ts'

/** A file of these pieces, with zeros between them. */
export function sparse(size: number, pieces: readonly Piece[]): ByteSource {
  return {
    file: { path: 'large.ckpt', size },
    async read(offset, length) {
      const out = new Uint8Array(length)
      for (const piece of pieces) {
        const [begin, end] = [
          Math.max(offset, piece.offset),
          Math.min(offset + length, piece.offset + piece.data.byteLength),
        ]
        if (begin < end)
          out.set(piece.data.subarray(begin - piece.offset, end - piece.offset), begin - offset)
      }
      return out
    },
    async close() {},
  }
}
