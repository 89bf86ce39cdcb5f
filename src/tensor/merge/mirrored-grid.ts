/** What filters along the axes of an array know of it. */

/** Axes that have more than one value: along the others a filter changes nothing. */
export interface Grid {
  readonly sizes: readonly number[]
  /** Distance of neighbours along each axis. */
  readonly strides: readonly number[]
}

/** Rows [first, last) of a matrix of `rows` rows. */
export interface Rows {
  readonly first: number
  readonly last: number
  readonly rows: number
  readonly columns: number
  /** Of the axes inside of a row. */
  readonly grid: Grid
}

/** Index beyond an edge, mirrored with the edge value twice: d c b a | a b c d | d c b a. */
export function mirrored(index: number, size: number): number {
  const period = 2 * size
  const i = ((index % period) + period) % period
  return i < size ? i : period - 1 - i
}
