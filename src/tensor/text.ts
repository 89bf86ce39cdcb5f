import { escaped } from '../errors.ts'

/** Longest piece of text from a file that a message repeats. */
const MAX_SHOWN = 120

/** Text from a file, safe to print: shortened in the middle, control characters escaped. */
export function printable(text: string, max = MAX_SHOWN): string {
  const half = Math.floor(max / 2)
  return escaped(text.length > max ? `${text.slice(0, half)}...${text.slice(-half)}` : text)
}

/** The same in quotes, for names in a message. */
export function quoted(text: string): string {
  return `"${printable(text).replaceAll('"', '\\"')}"`
}
