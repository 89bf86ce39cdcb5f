/** A run of bytes of a file. */
export interface ByteRange {
  readonly start: number
  readonly length: number
}

/** Cheaper to transfer than another request is to make. */
const CHEAP_GAP_BYTES = 32 * 1024

/** At most `most` runs that cover all of `ranges`, with as few bytes between them as that allows. */
export function fewRanges(ranges: readonly ByteRange[], most: number): ByteRange[] {
  const sorted = ranges.toSorted((a, b) => a.start - b.start)
  const covered: { start: number; end: number }[] = []
  for (const { start, length } of sorted) {
    const last = covered.at(-1)
    if (last && start <= last.end) last.end = Math.max(last.end, start + length)
    else covered.push({ start, end: start + length })
  }
  const gaps = covered.slice(1).map(({ start }, i) => ({ before: i + 1, bytes: start - covered[i]!.end }))
  const kept = gaps
    .filter(({ bytes }) => bytes > CHEAP_GAP_BYTES)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, most - 1)
  const begins = [0, ...kept.map(({ before }) => before).sort((a, b) => a - b), covered.length]
  return begins.slice(0, -1).flatMap((from, i) => {
    const [first, last] = [covered[from], covered[begins[i + 1]! - 1]]
    return first && last ? [{ start: first.start, length: last.end - first.start }] : []
  })
}
