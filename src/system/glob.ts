/**
 * A matcher for `*` (any text) and `?` (one character); a pattern without either matches as a part of the name.
 * Works along the name, not by regular expression: a pattern with many stars must not take exponential time.
 */
export function globMatcher(pattern: string): (name: string) => boolean {
  if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern)
  const pieces = pattern.split('*')
  return (name) => matchesPieces(name, pieces)
}

function matchesPieces(name: string, pieces: readonly string[]): boolean {
  const first = pieces[0]!
  const last = pieces.at(-1)!
  if (!fits(name, 0, first)) return false
  if (pieces.length === 1) return name.length === first.length
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    while (at + piece.length <= name.length && !fits(name, at, piece)) at++
    at += piece.length
  }
  return at + last.length <= name.length && fits(name, name.length - last.length, last)
}

function fits(name: string, at: number, piece: string): boolean {
  if (at + piece.length > name.length) return false
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] !== '?' && piece[i] !== name[at + i]) return false
  }
  return true
}
