/** An image of 8-bit RGB values, row by row from the top, three bytes a pixel. */
export interface RgbImage {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

export const BYTES_PER_PIXEL = 3
