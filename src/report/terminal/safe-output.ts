/**
 * The last look at everything that goes to a terminal, a file or a program: characters of files, servers and names that
 * could act on who reads it (controls, also those of C1, and marks that turn the direction of text or cannot be seen)
 * are escaped as `\u202e`, whichever command forgot to. In JSON that is the same text.
 */
import { escaped } from '../../system/errors.ts'
import type { TextStream, World } from '../../system/world.ts'

/** What lines are made of, and what only a terminal gets: colours (SGR), and to redraw a line (CR, CUU, ED, EL). */
const OWN_IN_FILES = /[\n\t]/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant
const OWN_ON_TERMINALS = /[\n\t\r]|\u001b\[(?:[\d;]*m|\d*[AJK])/y

const SUSPECT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

export function safeText(text: string, isTerminal: boolean): string {
  const own = isTerminal ? OWN_ON_TERMINALS : OWN_IN_FILES
  let safe = ''
  let from = 0
  SUSPECT.lastIndex = 0
  for (let found = SUSPECT.exec(text); found; found = SUSPECT.exec(text)) {
    const { index } = found
    own.lastIndex = index
    if (own.test(text)) SUSPECT.lastIndex = own.lastIndex
    else {
      safe += text.slice(from, index) + escaped(found[0])
      from = SUSPECT.lastIndex
    }
  }
  return safe + text.slice(from)
}

function safeStream(stream: TextStream): TextStream {
  return {
    write: (text) => stream.write(safeText(text, stream.isTTY === true)),
    picture: (text) => stream.write(text),
    get isTTY() {
      return stream.isTTY === true
    },
    // it changes with the window
    get columns() {
      return stream.columns as number
    },
  }
}

export function safeWorld(world: World): World {
  return { ...world, stdout: safeStream(world.stdout), stderr: safeStream(world.stderr) }
}
