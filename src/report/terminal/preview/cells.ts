import type { RgbImage } from '../../../image/image.ts'

/** Pixels of a character on most terminals; none tells without being asked. */
export const CELL = { width: 8, height: 16 } as const

/** Columns an image takes in its own size, as far as there are so many. */
export function columnsOf({ width }: RgbImage, columns: number): number {
  return Math.max(1, Math.min(columns, Math.ceil(width / CELL.width)))
}
