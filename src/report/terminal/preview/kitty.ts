import { encodePng } from '../../../image/png/encode.ts'
import { columnsOf } from './cells.ts'
import type { Protocol } from './protocol.ts'

/** Longest piece of base64 in one escape sequence, by the specification. */
const CHUNK = 4096

/** Konsole draws such images from 22.04 on. */
const KONSOLE = 220400

/** https://sw.kovidgoyal.net/kitty/graphics-protocol/: kitty, Ghostty, Konsole. */
export const kitty: Protocol = {
  id: 'kitty',
  isKnown: ({ TERM, TERM_PROGRAM, KITTY_WINDOW_ID, KONSOLE_VERSION }) =>
    TERM === 'xterm-kitty' ||
    TERM === 'xterm-ghostty' ||
    TERM_PROGRAM === 'ghostty' ||
    KITTY_WINDOW_ID !== undefined ||
    Number(KONSOLE_VERSION ?? 0) >= KONSOLE,
  show(image, columns) {
    const data = Buffer.from(encodePng(image)).toString('base64')
    const pieces = data.match(new RegExp(`.{1,${CHUNK}}`, 'g'))!
    return pieces
      .map((piece, i) => {
        const more = i < pieces.length - 1 ? 1 : 0
        // PNG, shown at once, so many columns wide; q=2: no answer, which would end up in the next prompt
        const head = i === 0 ? `f=100,a=T,q=2,c=${columnsOf(image, columns)},m=${more}` : `m=${more}`
        return `\u001b_G${head};${piece}\u001b\\`
      })
      .join('')
  },
}
