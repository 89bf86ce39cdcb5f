/** The pixels of a picture down its columns, for what is hidden there: a small part of them all. */

export interface PixelColumns {
  readonly width: number
  readonly height: number
  /** Red, green, blue; the fourth is alpha. */
  readonly channels: 3 | 4
  /**
   * Samples of the first `count` pixels, down the first column, then the next: [count, channels].
   * @throws PNG_DAMAGED (exit 3) where they are damaged
   */
  first(count: number): Promise<Uint8Array>
}

/** How many columns and rows hold the first pixels. */
export function cornerOf(count: number, height: number): { columns: number; rows: number } {
  return { columns: Math.ceil(count / height), rows: Math.min(count, height) }
}
