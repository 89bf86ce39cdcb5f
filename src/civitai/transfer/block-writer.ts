import type { PartWriter } from './part-writer.ts'

/** Collects small pieces into large ones, and goes on collecting while those are written. */
export interface BlockWriter {
  /** Bytes of the file, on disk or on the way there. */
  readonly size: number
  /** Takes the bytes. A promise only where the next ones must wait: for most calls there is room. */
  write(chunk: Uint8Array): Promise<void> | undefined
  /** All bytes are with the operating system, and hashed. */
  drain(): Promise<void>
  /** Begins again at byte 0. */
  rewind(): Promise<void>
}

/** One is filled while those before are written and hashed; more of them even out differences in speed. */
const BLOCKS = 8

export function blockWriter(take: PartWriter['take'], start: number, blockBytes: number): BlockWriter {
  const blocks = Array.from({ length: BLOCKS }, () => new Uint8Array(blockBytes))
  const inUse: Promise<void>[] = blocks.map(() => Promise.resolve())
  let turn = 0
  let stored = start
  let filled = 0

  const flush = (): void => {
    if (filled === 0) return
    const lent = turn
    const use = take(blocks[lent]!.subarray(0, filled), stored).then((bytes) => {
      blocks[lent] = new Uint8Array(bytes.buffer)
    })
    use.catch(() => {}) // it is awaited later
    inUse[lent] = use
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
    },
    async rewind() {
      await Promise.allSettled(inUse)
      stored = 0
      filled = 0
    },
  }
}
