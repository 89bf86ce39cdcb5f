/** The first columns of a PNG: a row is restored from the left, so that no more of it has to be. */
import type { PixelColumns } from '../columns.ts'
import { checkSize, filterAt, inflatedPixels, type Png, type PngHeader } from './decode.ts'
import { restoreRow } from './filter.ts'

/** Bits of a sample, and channels, of the pictures that are read so: those that programs of this field write. */
const DEPTH = 8

export function hasColumns({ depth, colour, interlaced }: PngHeader): boolean {
  return depth === DEPTH && colour.channels >= 3 && !interlaced
}

/** @param png for which `hasColumns` @throws PNG_DAMAGED, PNG_TOO_LARGE (exit 3) */
export function pngColumns(png: Png): PixelColumns {
  const { width, height } = png.header
  const channels = png.header.colour.channels === 4 ? 4 : 3
  checkSize(png.header)
  const raw = inflatedPixels(png)
  return { width, height, channels, first: (count) => restored(raw, { width, height, channels }, count) }
}

function restored(
  raw: Uint8Array,
  { width, height, channels }: Pick<PixelColumns, 'width' | 'height' | 'channels'>,
  count: number,
): Uint8Array {
  const [stride, own] = [width * channels + 1, count * channels]
  const samples = new Uint8Array(height * own)
  let above = new Uint8Array(own)
  for (let y = 0; y < height; y++) {
    const row = samples.subarray(y * own, (y + 1) * own)
    row.set(raw.subarray(y * stride + 1, y * stride + 1 + own))
    restoreRow(row, above, channels, filterAt(raw, y * stride))
    above = row
  }
  return samples
}
