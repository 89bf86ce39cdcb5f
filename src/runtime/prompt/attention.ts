/** The prompt language of A1111: `(a:1.2) ((b)) [c]`, escapes, BREAK. Source: modules/prompt_parser.py */
import { PY_DIGIT, PY_SPACE, pythonFloat, wholeWord } from '../../image/infotext/python-text.ts'

/** Part of a prompt with the weight of its tokens. */
export interface Segment {
  readonly text: string
  readonly weight: number
}

/** Ends a chunk. */
export type Break = 'BREAK'

const ROUND = 1.1
const SQUARE = 1 / 1.1
const BRACKET_FACTORS: Readonly<Record<string, number>> = { ')': ROUND, ']': SQUARE }

/** An escape; a bracket; `:1.2)`; text up to the next of these; a colon that belongs to none. */
const RE_TOKEN = new RegExp(
  `\\\\[()[\\]\\\\]|\\\\|[([]|:[${PY_SPACE}]*([+-]?[.${PY_DIGIT}]+)[${PY_SPACE}]*\\)|[)\\]]|[^\\\\()[\\]:]+|:`,
  'gu',
)

const RE_BREAK = new RegExp(`[${PY_SPACE}]*${wholeWord('BREAK')}[${PY_SPACE}]*`, 'u')

/** What is being read: `weight` is undefined for a break, which brackets around it leave alone. */
interface Piece {
  readonly text: string
  weight: number | undefined
}

/** Segments in order, neighbours of one weight joined. */
export function parseAttention(prompt: string): (Segment | Break)[] {
  const pieces: Piece[] = []
  const open: OpenBrackets = { '(': [], '[': [] }
  for (const [token, number] of prompt.matchAll(RE_TOKEN)) {
    if (token === '(' || token === '[') open[token].push(pieces.length)
    else if (token.startsWith('\\')) pieces.push({ text: token.slice(1), weight: 1 })
    else if (!closesBracket(token, number, pieces, open)) pieces.push(...withBreaks(token))
  }
  for (const start of open['(']) multiply(pieces, start, ROUND)
  for (const start of open['[']) multiply(pieces, start, SQUARE)
  return joinPieces(pieces)
}

/** Places in the pieces where brackets begin that are still open. */
type OpenBrackets = Record<'(' | '[', number[]>

/** Weighs what stands in the bracket that a token closes; false where it closes none. */
function closesBracket(
  token: string,
  number: string | undefined,
  pieces: readonly Piece[],
  open: OpenBrackets,
): boolean {
  const factor = number === undefined ? BRACKET_FACTORS[token] : pythonFloat(number)
  if (factor === undefined || !Number.isFinite(factor)) return false
  const start = open[token === ']' ? '[' : '('].pop()
  if (start === undefined) return false
  multiply(pieces, start, factor)
  return true
}

/** A1111 multiplies the mark of a break, too, and then reads it as a word; that helps nobody. */
function multiply(pieces: readonly Piece[], start: number, factor: number): void {
  for (const piece of pieces.slice(start)) if (piece.weight !== undefined) piece.weight *= factor
}

function withBreaks(text: string): Piece[] {
  return text
    .split(RE_BREAK)
    .flatMap((part, i): Piece[] => [
      ...(i > 0 ? [{ text: 'BREAK', weight: undefined }] : []),
      { text: part, weight: 1 },
    ])
}

function joinPieces(pieces: readonly Piece[]): (Segment | Break)[] {
  const segments: (Segment | Break)[] = []
  for (const { text, weight } of pieces) {
    const last = segments.at(-1)
    if (weight === undefined) segments.push('BREAK')
    else if (last !== undefined && last !== 'BREAK' && last.weight === weight)
      segments[segments.length - 1] = { text: last.text + text, weight }
    else segments.push({ text, weight })
  }
  return segments.length > 0 ? segments : [{ text: '', weight: 1 }]
}
