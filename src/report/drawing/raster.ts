import { BYTES_PER_PIXEL, type RgbImage } from '../../image/image.ts'
import { CAPITAL_HEIGHT, layOut } from './font.ts'
import type { Colour, Label, Photo, Picture, Rectangle } from './picture.ts'

/** Paints a picture with `scale` dots to a pixel of its own. Letters are whole dots, so they are never blurred. */
export function paint(picture: Picture, scale: number): RgbImage {
  const [width, height] = [Math.ceil(picture.width * scale), Math.ceil(picture.height * scale)]
  const image = { width, height, data: new Uint8Array(width * height * 3) }
  fill(image, 0, 0, width, height, picture.background)
  for (const shape of picture.shapes) {
    if (shape.kind === 'rectangle') paintRectangle(image, shape, scale)
    else if (shape.kind === 'label') paintLabel(image, shape, scale)
    else paintPhoto(image, shape, scale)
  }
  return image
}

function paintRectangle(
  image: RgbImage,
  { x, y, width, height, fill: colour }: Rectangle,
  scale: number,
): void {
  const [left, top] = [Math.round(x * scale), Math.round(y * scale)]
  const [right, bottom] = [Math.round((x + width) * scale), Math.round((y + height) * scale)]
  fill(image, left, top, right, bottom, colour)
}

function paintLabel(image: RgbImage, label: Label, scale: number): void {
  const dot = Math.max(1, Math.round((label.size * scale) / CAPITAL_HEIGHT))
  const { letters, width } = layOut(label.text)
  const before = { start: 0, middle: 0.5, end: 1 }[label.anchor] * width * dot
  const left = Math.round(label.x * scale - before)
  const top = Math.round(label.y * scale) - CAPITAL_HEIGHT * dot
  const bold = label.bold ? Math.ceil(dot / 3) : 0
  for (const { glyph, x } of letters) {
    for (const [row, dots] of glyph.rows.entries()) {
      for (const [column, isSet] of dots.entries()) {
        if (!isSet) continue
        const [x0, y0] = [left + (x + column) * dot, top + row * dot]
        fill(image, x0, y0, x0 + dot + bold, y0 + dot, label.fill)
      }
    }
  }
}

/** Its own pixels, each a square: enlarging must invent nothing. */
function paintPhoto(image: RgbImage, { x, y, image: photo, zoom }: Photo, scale: number): void {
  const [left, top, size] = [Math.round(x * scale), Math.round(y * scale), zoom * scale]
  const [right, bottom] = [left + Math.round(photo.width * size), top + Math.round(photo.height * size)]
  for (let row = Math.max(0, top); row < Math.min(bottom, image.height); row++) {
    const from = Math.min(photo.height - 1, Math.floor((row - top) / size)) * photo.width
    for (let column = Math.max(0, left); column < Math.min(right, image.width); column++) {
      const source = (from + Math.min(photo.width - 1, Math.floor((column - left) / size))) * BYTES_PER_PIXEL
      const target = (row * image.width + column) * BYTES_PER_PIXEL
      for (let channel = 0; channel < BYTES_PER_PIXEL; channel++) {
        image.data[target + channel] = photo.data[source + channel]!
      }
    }
  }
}

/** Fills columns [left, right) of rows [top, bottom), as far as they are inside. */
function fill(
  { width, height, data }: RgbImage,
  left: number,
  top: number,
  right: number,
  bottom: number,
  colour: Colour,
): void {
  const rgb = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  const [x0, x1] = [Math.max(0, left), Math.min(width, right)]
  const [y0, y1] = [Math.max(0, top), Math.min(height, bottom)]
  if (x0 >= x1 || y0 >= y1) return
  const [from, to] = [(y0 * width + x0) * 3, (y0 * width + x1) * 3]
  for (let at = from; at < to; at++) data[at] = rgb[(at - from) % 3]!
  for (let y = y0 + 1; y < y1; y++) data.copyWithin((y * width + x0) * 3, from, to)
}
