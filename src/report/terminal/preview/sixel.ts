import { BYTES_PER_PIXEL, type RgbImage } from '../../../image/image.ts'
import { fitted } from '../../../image/resize.ts'
import { CELL } from './cells.ts'
import type { Protocol } from './protocol.ts'

/** DEC STD 070, and what xterm made of it: foot, mlterm, contour, and others by their name. */
export const sixel: Protocol = {
  id: 'sixel',
  isKnown: ({ TERM = '' }) => /^(foot|mlterm|contour|yaft)|sixel/.test(TERM),
  show: (image, columns) => sixelText(fitted(image, columns * CELL.width, Number.POSITIVE_INFINITY)),
}

/** Levels of red, green and blue: 252 colours of the 256 that terminals have. */
const LEVELS = [6, 7, 6] as const

const BAND = 6

function sixelText(image: RgbImage): string {
  const { width, height } = image
  const indices = dithered(image)
  const used = [...new Set(indices)].sort((a, b) => a - b)
  const palette = used.map((index) => `#${index};2;${percents(index).join(';')}`).join('')
  const bands = Array.from({ length: Math.ceil(height / BAND) }, (_, i) =>
    bandText(indices, width, height, i * BAND),
  )
  // no background, square pixels, size
  return `\u001bP0;1q"1;1;${width};${height}${palette}${bands.join('-')}\u001b\\`
}

function percents(index: number): number[] {
  const [, greens, blues] = LEVELS
  const parts = [Math.floor(index / (greens * blues)), Math.floor(index / blues) % greens, index % blues]
  return parts.map((part, channel) => Math.round((100 * part) / (LEVELS[channel]! - 1)))
}

/** Nearest colours, with what is lost passed on to the neighbours (Floyd and Steinberg 1976). */
function dithered({ width, height, data }: RgbImage): Uint8Array {
  const values = Float32Array.from(data)
  const indices = new Uint8Array(width * height)
  const row = width * BYTES_PER_PIXEL
  for (let at = 0; at < values.length; at++) {
    const channel = at % BYTES_PER_PIXEL
    const x = Math.floor((at % row) / BYTES_PER_PIXEL)
    const levels = LEVELS[channel]! - 1
    const level = Math.max(0, Math.min(levels, Math.round((values[at]! * levels) / 255)))
    const pixel = Math.floor(at / BYTES_PER_PIXEL)
    indices[pixel] = indices[pixel]! * LEVELS[channel]! + level
    const lost = (values[at]! - (level * 255) / levels) / 16
    const isLast = at + row >= values.length
    if (x < width - 1) values[at + BYTES_PER_PIXEL]! += 7 * lost
    if (isLast) continue
    if (x > 0) values[at + row - BYTES_PER_PIXEL]! += 3 * lost
    values[at + row]! += 5 * lost
    if (x < width - 1) values[at + row + BYTES_PER_PIXEL]! += lost
  }
  return indices
}

/** Six rows: for each colour a line of characters, of which each has a bit for each of the rows. */
function bandText(indices: Uint8Array, width: number, height: number, top: number): string {
  const rows = Math.min(BAND, height - top)
  const band = indices.subarray(top * width, (top + rows) * width)
  return [...new Set(band)]
    .map((colour) => {
      const masks = Array.from({ length: width }, (_, x) => {
        let mask = 0
        for (let row = 0; row < rows; row++) if (band[row * width + x] === colour) mask |= 1 << row
        return mask
      })
      return `#${colour}${runLengths(masks)}`
    })
    .join('$')
}

/** `!5@` for five times `@`, where that is shorter. */
function runLengths(masks: readonly number[]): string {
  const text = masks.map((mask) => String.fromCharCode(63 + mask)).join('')
  return text.replace(/(.)\1{3,}/g, (run, letter: string) => `!${run.length}${letter}`)
}
