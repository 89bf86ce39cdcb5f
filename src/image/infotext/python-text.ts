/**
 * Text as Python's `re` and `str` see it, by which A1111 reads prompts and parameters. JavaScript's `\w`, `\b` and `\d`
 * know ASCII only; its `\s` and `trim` add U+FEFF and lack U+001C to U+001F and U+0085.
 * Source: Python's Library Reference, `re` ("Matches Unicode word characters") and `str.isspace`
 */

/** For the inside of a character class, with the flag `u`. */
export const PY_WORD = '\\p{L}\\p{N}_'
export const PY_SPACE =
  '\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
export const PY_DIGIT = '\\p{Nd}'

/** A word that stands by itself: `\bword\b`. */
export function wholeWord(word: string): string {
  return `(?<![${PY_WORD}])${word}(?![${PY_WORD}])`
}

const RE_FIRST = new RegExp(`[^${PY_SPACE}]`, 'u')
const RE_SPACE = new RegExp(`[${PY_SPACE}]`, 'u')

/** `str.strip`, in time that grows with the length only. */
export function stripped(text: string): string {
  const first = RE_FIRST.exec(text)?.index ?? text.length
  let end = text.length
  while (end > first && RE_SPACE.test(text[end - 1]!)) end--
  return text.slice(first, end)
}

const RE_DIGIT = new RegExp(PY_DIGIT, 'gu')

/** `float`, which reads the digits of any script. NaN where Python raises an error. */
export function pythonFloat(text: string): number {
  const ascii = stripped(text).replace(RE_DIGIT, digitValue)
  return /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(ascii) ? Number(ascii) : Number.NaN
}

/** Digits of a script stand in tens, the first of which is 0. */
function digitValue(digit: string): string {
  const code = digit.codePointAt(0)!
  let zero = code
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
  return String((code - zero) % 10)
}
