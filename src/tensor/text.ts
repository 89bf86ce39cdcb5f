/** Longest piece of text from a file that a message repeats. */
const MAX_QUOTED = 120

/** Text from a file, safe to print: quoted, shortened in the middle, control and bidi characters escaped. */
export function quoted(text: string): string {
  const half = MAX_QUOTED / 2
  const short = text.length > MAX_QUOTED ? `${text.slice(0, half)}...${text.slice(-half)}` : text
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
