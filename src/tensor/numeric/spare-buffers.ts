/**
 * Buffers between two steps of an evaluation are used again: a fresh allocation of megabytes for each block costs
 * as much as the copy itself (page faults), and lets the process grow until the next garbage collection.
 */
const spare: ArrayBuffer[] = []
const MAX_SPARE = 8
/** All that one block of a strided view needs, and no more: what is kept here is kept until the end. */
const MAX_SPARE_BYTES = 64 * 1024 * 1024
/** A buffer this many times too large is left for those that need it. */
const MAX_WASTE = 4

/** `bytes` bytes of any content, at the start of their buffer. */
export function acquireBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes === 0) return new Uint8Array(0)
  const index = spare.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= MAX_WASTE * bytes)
  const buffer = index < 0 ? new ArrayBuffer(bytes) : spare.splice(index, 1)[0]!
  return new Uint8Array(buffer, 0, bytes)
}

export function releaseBuffers(...buffers: Uint8Array<ArrayBuffer>[]): void {
  for (const { buffer } of buffers) {
    if (buffer.byteLength > 0) spare.push(buffer)
  }
  while (spare.length > MAX_SPARE || spareBytes() > MAX_SPARE_BYTES) spare.shift()
}

function spareBytes(): number {
  return spare.reduce((sum, { byteLength }) => sum + byteLength, 0)
}
