import { BYTES_PER_PIXEL, type RgbImage } from '../../../image/image.ts'
import { fitted } from '../../../image/resize.ts'
import type { Env, Protocol } from './protocol.ts'

/** The upper half of a character in one colour, the lower one in another: two pixels a character. */
const UPPER_HALF = '\u2580'
const RESET = '\u001b[0m'

/** A picture of more lines would scroll its own head away. */
const MAX_LINES = 48

export const blocks: Protocol = {
  id: 'blocks',
  isKnown: () => true,
  show(image, columns, env) {
    const small = fitted(image, columns, 2 * MAX_LINES)
    const colour = colourFor(env)
    return Array.from({ length: Math.ceil(small.height / 2) }, (_, line) =>
      lineText(small, line, colour),
    ).join('\n')
  },
}

type Rgb = readonly [red: number, green: number, blue: number]
/** Parameters of the escape sequence that sets a colour: 38 for letters, 48 for what is behind them. */
type ColourText = (layer: 38 | 48, rgb: Rgb) => string

function colourFor({ COLORTERM = '', TERM = '' }: Env): ColourText {
  const isTrue = /^(truecolor|24bit)$/.test(COLORTERM) || /direct$/.test(TERM)
  if (isTrue) return (layer, rgb) => `${layer};2;${rgb.join(';')}`
  // the 6 x 6 x 6 cube that starts at colour 16
  return (layer, rgb) =>
    `${layer};5;${16 + rgb.reduce((index, value) => 6 * index + Math.round(value / 51), 0)}`
}

function lineText(image: RgbImage, line: number, colour: ColourText): string {
  let before = ''
  const cells = Array.from({ length: image.width }, (_, x) => {
    const upper = pixel(image, x, 2 * line)
    // below an odd last row there is nothing
    const lower = 2 * line + 1 < image.height ? pixel(image, x, 2 * line + 1) : undefined
    const style = lower ? `${colour(38, upper)};${colour(48, lower)}` : `49;${colour(38, upper)}`
    const set = style === before ? '' : `\u001b[${style}m`
    before = style
    return set + UPPER_HALF
  })
  return cells.join('') + RESET
}

function pixel({ width, data }: RgbImage, x: number, y: number): Rgb {
  const at = (y * width + x) * BYTES_PER_PIXEL
  return [data[at]!, data[at + 1]!, data[at + 2]!]
}
