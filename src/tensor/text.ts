/** Longest piece of text from a file that a message repeats. */
const MAX_SHOWN = 120

/** Control, format (zero-width, bidirectional) and line separator characters: what could forge a terminal line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Text from a file, safe to print: shortened in the middle, control characters escaped. */
export function printable(text: string, max = MAX_SHOWN): string {
  const half = Math.floor(max / 2)
  const short = text.length > max ? `${text.slice(0, half)}...${text.slice(-half)}` : text
  return short.replace(UNPRINTABLE, (c) => `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}

/** The same in quotes, for names in a message. */
export function quoted(text: string): string {
  return `"${printable(text).replaceAll('"', '\\"')}"`
}
