import type { FileHandle } from 'node:fs/promises'
import { writeFully } from '../tensor/bytes.ts'

/** Writes what comes in small pieces in large ones, while the next are gathered. */
export interface BlockWriter {
  /** Bytes of the file, on disk or on the way there. */
  readonly size: number
  /** Takes the bytes. A promise only where the next ones must wait: for most calls there is room. */
  write(chunk: Uint8Array): Promise<void> | undefined
  /** All bytes are with the operating system, and `onBlock` is through with them. */
  drain(): Promise<void>
  /** Begins again at byte 0. */
  rewind(): Promise<void>
}

/** One is filled while the one before is written and hashed; the third evens out which of them is faster. */
const BLOCKS = 4

/**
 * After so many bytes the disk is asked to catch up, while more are written. Else a system with much memory keeps them
 * all there, and the last flush takes as long as the whole download did.
 */
const CATCH_UP_BYTES = 64 * 1024 * 1024

/** @param onBlock sees the bytes in order. They are in shared memory, and stay as they are until it has settled */
export function blockWriter(
  handle: FileHandle,
  start: number,
  blockBytes: number,
  onBlock: (bytes: Uint8Array) => Promise<void>,
): BlockWriter {
  const blocks = Array.from({ length: BLOCKS }, () => new Uint8Array(new SharedArrayBuffer(blockBytes)))
  const inUse: Promise<unknown>[] = blocks.map(() => Promise.resolve())
  const disk = sequentialDisk(handle)
  let turn = 0
  let stored = start
  let filled = 0

  const flush = (): void => {
    if (filled === 0) return
    const bytes = blocks[turn]!.subarray(0, filled)
    const use = Promise.all([disk.write(bytes, stored), onBlock(bytes)])
    use.catch(() => {}) // it is awaited later
    inUse[turn] = use
    turn = (turn + 1) % BLOCKS
    stored += filled
    filled = 0
  }
  const spill = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.byteLength; ) {
      const piece = chunk.subarray(at, at + blockBytes - filled)
      blocks[turn]!.set(piece, filled)
      filled += piece.byteLength
      at += piece.byteLength
      if (filled < blockBytes) return
      flush()
      await inUse[turn]
    }
  }
  return {
    get size() {
      return stored + filled
    },
    write(chunk) {
      if (filled + chunk.byteLength >= blockBytes) return spill(chunk)
      blocks[turn]!.set(chunk, filled)
      filled += chunk.byteLength
      return undefined
    },
    async drain() {
      flush()
      await Promise.all(inUse)
      await disk.settle()
    },
    async rewind() {
      await Promise.allSettled(inUse)
      stored = 0
      filled = 0
    },
  }
}

/** One write after the other: a failed one must not leave a hole before a later one. */
function sequentialDisk(handle: FileHandle) {
  let written = Promise.resolve()
  let behind = 0
  let catchUp: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined

  const wrote = (bytes: number): void => {
    behind += bytes
    if (behind < CATCH_UP_BYTES || catchUp) return
    behind = 0
    catchUp = handle
      .datasync()
      // the system tells of lost bytes once only: the sync at the end would not know any more
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => {
        catchUp = undefined
      })
  }
  return {
    write(bytes: Uint8Array, position: number): Promise<void> {
      written = written.then(() => writeFully(handle, bytes, position)).then(() => wrote(bytes.byteLength))
      return written
    },
    /** @throws what the disk said in the meantime */
    async settle(): Promise<void> {
      await catchUp
      if (failure) throw failure.error
    },
  }
}
