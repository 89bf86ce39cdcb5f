/** Histograms of the upper and then the lower half of the bits of binary32 magnitudes, whose order is that of the bits. */
const BINS = 0x10000

/** The values of a list that is only ever seen in pieces, the same in each walk. */
export type Pieces = (visit: (magnitude: number) => void) => Promise<void>

const value = new Float32Array(1)
const bits = new Uint32Array(value.buffer)

function bitsOf(magnitude: number): number {
  value[0] = magnitude
  return bits[0]!
}

/**
 * The k-th largest of many magnitudes, as binary32, in two walks and with constant memory. k counts from 1.
 * NaN is larger than any number.
 */
export async function kthLargest(pieces: Pieces, k: number): Promise<number> {
  const upper = new Uint32Array(BINS)
  await pieces((magnitude) => {
    const bin = bitsOf(magnitude) >>> 16
    upper[bin] = upper[bin]! + 1
  })
  const [high, above] = binOf(upper, k)
  const lower = new Uint32Array(BINS)
  await pieces((magnitude) => {
    const code = bitsOf(magnitude)
    if (code >>> 16 === high) lower[code & 0xffff] = lower[code & 0xffff]! + 1
  })
  const [low] = binOf(lower, k - above)
  bits[0] = ((high << 16) | low) >>> 0
  return value[0]!
}

/** The bin that holds the k-th largest, and how many values are in those above it. */
function binOf(counts: Uint32Array, k: number): [bin: number, above: number] {
  let above = 0
  for (let bin = BINS - 1; bin > 0; bin--) {
    if (above + counts[bin]! >= k) return [bin, above]
    above += counts[bin]!
  }
  return [0, above]
}
