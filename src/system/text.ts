import { escaped } from './errors.ts'

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

/** Half of a surrogate pair: text that UTF-8 has no bytes for, so that two such names could be written as one. */
export function isUnpaired(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}
