import { encodePng } from '../../../image/png/encode.ts'
import { columnsOf } from './cells.ts'
import type { Protocol } from './protocol.ts'

/** https://iterm2.com/documentation-images.html: iTerm2, WezTerm, mintty. */
export const iterm2: Protocol = {
  id: 'iterm2',
  isKnown: ({ TERM_PROGRAM, LC_TERMINAL }) =>
    ['iTerm.app', 'WezTerm', 'mintty'].includes(TERM_PROGRAM ?? '') || LC_TERMINAL === 'iTerm2',
  show(image, columns) {
    const png = Buffer.from(encodePng(image))
    const options = `inline=1;size=${png.byteLength};width=${columnsOf(image, columns)};preserveAspectRatio=1`
    return `\u001b]1337;File=${options}:${png.toString('base64')}\u0007`
  },
}
