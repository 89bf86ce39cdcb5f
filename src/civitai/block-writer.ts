import type { FileHandle } from 'node:fs/promises'
import { writeFully } from '../tensor/bytes.ts'

/** Writes what comes in small pieces in large ones, each while the next is gathered. */
export interface BlockWriter {
  /** Bytes of the file, on disk or on the way there. */
  readonly size: number
  write(chunk: Uint8Array): Promise<void>
  /** All bytes are with the operating system. */
  drain(): Promise<void>
  /** Begins again at byte 0. */
  rewind(): Promise<void>
}

/** @param onBlock sees the bytes in order; what it computes runs while the disk works */
export function blockWriter(
  handle: FileHandle,
  start: number,
  blockBytes: number,
  onBlock: (bytes: Uint8Array) => void,
): BlockWriter {
  let [block, spare] = [new Uint8Array(blockBytes), new Uint8Array(blockBytes)]
  let stored = start
  let filled = 0
  let pending: Promise<void> = Promise.resolve()

  const flush = async (): Promise<void> => {
    await pending
    if (filled === 0) return
    const bytes = block.subarray(0, filled)
    pending = writeFully(handle, bytes, stored)
    pending.catch(() => {}) // it is awaited later
    onBlock(bytes)
    stored += filled
    filled = 0
    ;[block, spare] = [spare, block]
  }
  return {
    get size() {
      return stored + filled
    },
    async write(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        const piece = chunk.subarray(at, at + blockBytes - filled)
        block.set(piece, filled)
        filled += piece.byteLength
        at += piece.byteLength
        if (filled === blockBytes) await flush()
      }
    },
    async drain() {
      await flush()
      await pending
    },
    async rewind() {
      await pending.catch(() => {})
      stored = 0
      filled = 0
    },
  }
}
