/** The five filters that rows of a PNG are stored through: section 9 of the specification (W3C, third edition). */

/** What a value is expected to be, from those at its left, above it, and above that; the index is the filter type. */
const PREDICTORS: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  paeth,
]

export const FILTER_COUNT = PREDICTORS.length

function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp] = [Math.abs(up - corner), Math.abs(left - corner)]
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** Index of the filter that predicts the value above. */
const UP = 2

/**
 * Each row behind the type of the filter that leaves the smallest values, the choice libpng makes, too.
 * @param stride bytes of a row
 * @param step bytes of a pixel
 */
export function filterRows(data: Uint8Array, stride: number, step: number): Uint8Array {
  const height = data.length / stride
  const out = new Uint8Array(height * (stride + 1))
  let above: Uint8Array = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * stride, (y + 1) * stride)
    if (y > 0 && Buffer.compare(row, above) === 0) {
      // drawings have many such rows: "up" leaves nothing of them
      out[y * (stride + 1)] = UP
      continue
    }
    const filtered = PREDICTORS.map((predict) => filterRow(row, above, step, predict))
    const sizes = filtered.map(sumOfMagnitudes)
    const best = sizes.indexOf(Math.min(...sizes))
    out[y * (stride + 1)] = best
    out.set(filtered[best]!, y * (stride + 1) + 1)
    above = row
  }
  return out
}

type Predictor = (typeof PREDICTORS)[number]

function filterRow(row: Uint8Array, above: Uint8Array, step: number, predict: Predictor): Uint8Array {
  const out = new Uint8Array(row.length)
  for (let i = 0; i < row.length; i++) {
    const isFirst = i < step
    const left = isFirst ? 0 : row[i - step]!
    const corner = isFirst ? 0 : above[i - step]!
    out[i] = row[i]! - predict(left, above[i]!, corner)
  }
  return out
}

/** Sum of the values as signed bytes, without their signs. */
function sumOfMagnitudes(row: Uint8Array): number {
  let sum = 0
  for (const value of row) sum += value < 128 ? value : 256 - value
  return sum
}

/** Restores a filtered row in place, from the restored one above it. Filter types end before `FILTER_COUNT`. */
export function restoreRow(row: Uint8Array, above: Uint8Array, step: number, filter: number): void {
  if (filter === 0) return
  const predict = PREDICTORS[filter]!
  for (let i = 0; i < row.length; i++) {
    const isFirst = i < step
    const left = isFirst ? 0 : row[i - step]!
    const corner = isFirst ? 0 : above[i - step]!
    row[i] = row[i]! + predict(left, above[i]!, corner)
  }
}
