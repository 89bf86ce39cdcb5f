/** X with A X = B, for A and B [n, n], by elimination with partial pivoting. Changes both; gives B. */
export function solve(a: Float64Array, b: Float64Array, n: number): Float64Array {
  for (let column = 0; column < n; column++) {
    const pivot = pivotRow(a, n, column)
    swapRows(a, n, pivot, column)
    swapRows(b, n, pivot, column)
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column]! / a[column * n + column]!
      subtractRow(a, n, row, column, factor, column)
      subtractRow(b, n, row, column, factor, 0)
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let below = row + 1; below < n; below++) subtractRow(b, n, row, below, a[row * n + below]!, 0)
    for (let c = row * n; c < (row + 1) * n; c++) b[c] = b[c]! / a[row * n + row]!
  }
  return b
}

function pivotRow(a: Float64Array, n: number, column: number): number {
  let best = column
  for (let row = column + 1; row < n; row++) {
    if (Math.abs(a[row * n + column]!) > Math.abs(a[best * n + column]!)) best = row
  }
  return best
}

function swapRows(values: Float64Array, n: number, i: number, j: number): void {
  if (i === j) return
  const kept = values.slice(i * n, (i + 1) * n)
  values.copyWithin(i * n, j * n, (j + 1) * n)
  values.set(kept, j * n)
}

/** Row `to` minus factor * row `from`, from a column on. */
function subtractRow(
  values: Float64Array,
  n: number,
  to: number,
  from: number,
  factor: number,
  column: number,
): void {
  if (factor === 0) return
  for (let c = column; c < n; c++) values[to * n + c] = values[to * n + c]! - factor * values[from * n + c]!
}
