import stringWidth from 'string-width'
import type { TextStream } from '../../system/world.ts'

/** Less room than this for text, and lines of a word or two would be harder to read than what the terminal breaks. */
const MIN_ROOM = 16

/** Columns of a terminal, 80 for one that does not say, or says 0; no limit where the text goes to a file or a program, whose lines must stay whole. */
export function lineWidth(stream: TextStream): number {
  return stream.isTTY === true ? stream.columns || 80 : Number.POSITIVE_INFINITY
}

/**
 * Text that begins in column `indent` and goes on there in the next lines. A word that is longer than a line stays
 * whole: a path or a key in pieces cannot be copied.
 */
export function hanging(text: string, width: number, indent: number): string {
  return linesOf(text, width - indent).join(`\n${' '.repeat(indent)}`)
}

/** Text in lines of at most `room` columns. */
export function linesOf(text: string, room: number): string[] {
  if (room < MIN_ROOM || displayWidth(text) <= room) return [text]
  const lines: string[] = []
  let line = ''
  for (const piece of text.split(/(?<= )/)) {
    if (line !== '' && displayWidth((line + piece).trimEnd()) > room) {
      lines.push(line.trimEnd())
      line = ''
    }
    line += piece
  }
  return [...lines, line]
}

const RE_PLAIN = /^[\x20-\x7e]*$/

/** Columns that a text takes, colours not counted. Nearly all texts are plain ASCII, which needs no look at each character. */
export function displayWidth(text: string): number {
  return RE_PLAIN.test(text) ? text.length : stringWidth(text)
}
