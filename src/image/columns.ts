/** The first columns of a picture, for what is hidden there: a small part of its pixels. */

export interface PixelColumns {
  readonly width: number
  readonly height: number
  /** Red, green, blue; the fourth is alpha. */
  readonly channels: 3 | 4
  /** Samples of the first `count` columns, row by row: [height, count, channels]. */
  first(count: number): Uint8Array
}
