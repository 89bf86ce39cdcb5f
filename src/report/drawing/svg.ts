import { encodePng } from '../../image/png/encode.ts'
import type { DrawnShape, Label, Photo, Picture, Rectangle } from './picture.ts'

const FONTS = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"

/** Size of a font whose capital letters are 1 high: 0.71 to 0.73 of it in the fonts above. */
const FONT_SIZE = 1.4

/** The picture as a stand-alone SVG document. */
export function svgText({ width, height, background, shapes }: Picture): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONTS}">`,
    `<rect width="${width}" height="${height}" fill="${background}"/>`,
    ...shapes.map(element),
    '</svg>\n',
  ].join('\n')
}

function element(shape: DrawnShape): string {
  if (shape.kind === 'label') return textElement(shape)
  return shape.kind === 'photo' ? imageElement(shape) : rectElement(shape)
}

function imageElement({ x, y, image, zoom }: Photo): string {
  const [width, height] = [image.width * zoom, image.height * zoom]
  const data = Buffer.from(encodePng(image)).toString('base64')
  return `<image x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" style="image-rendering:pixelated" href="data:image/png;base64,${data}"/>`
}

function rectElement({ x, y, width, height, fill }: Rectangle): string {
  return `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${fill}"/>`
}

function textElement({ text, x, y, size, anchor, fill, bold }: Label): string {
  const weight = bold ? ' font-weight="600"' : ''
  return `<text x="${short(x)}" y="${short(y)}" font-size="${short(size * FONT_SIZE)}" text-anchor="${anchor}" fill="${fill}"${weight}>${xml(text)}</text>`
}

function short(length: number): string {
  return String(Number(length.toFixed(2)))
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Characters that XML does not allow at all are left out: text may be the name of a file. */
function xml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  return text.replace(/[\u0000-\u001f\u007f\ufffe\uffff]|\p{Cs}/gu, '').replace(/[&<>]/g, (c) => ENTITIES[c]!)
}
