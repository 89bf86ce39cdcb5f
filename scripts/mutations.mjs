/**
 * The mutations of a TypeScript source: small faults, one at a time, which a test should notice. They are found in its
 * tokens, so that strings, comments and regular expressions stay as they are. What changes a type alone is left to
 * `scripts/mutate.mjs`: the compiled JavaScript stays the same.
 */

/** @typedef {{ kind: 'word' | 'number' | 'text' | 'regex' | 'sign', text: string, at: number, end: number, first: boolean }} Token */
/** @typedef {{ at: number, end: number, text: string, operator: string }} Mutation replaces [at, end) by a text */

const SIGNS =
  '>>>= ... === !== **= <<= >>= >>> &&= ||= ??= => == != <= >= && || ?? ?. ++ -- += -= *= /= %= &= |= ^= << >> **'.split(
    ' ',
  )
const NUMBER = /(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?)n?/y
const WORD = /[\p{ID_Start}$_#@][\p{ID_Continue}$]*/uy
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y
const BLANK = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
/** After these a slash begins a regular expression, and a sign has no left side. */
const BEFORE_VALUES = new Set(
  'return typeof case in of await yield void delete throw new else do instanceof'.split(' '),
)

/** @returns {Token[]} */
export function tokensOf(/** @type {string} */ source) {
  /** @type {Token[]} */
  const tokens = []
  /** For each open brace, whether it is that of `${`. */
  const braces = []
  let at = 0
  const match = (/** @type {RegExp} */ pattern) => {
    pattern.lastIndex = at
    return pattern.exec(source)?.[0]
  }
  const push = (kind, text, first) => {
    tokens.push({ kind, text, at, end: at + text.length, first })
    at += text.length
  }
  for (;;) {
    const blank = match(BLANK) ?? ''
    const first = at === 0 || blank.includes('\n')
    at += blank.length
    if (at >= source.length) return tokens
    const c = source[at]
    if (c === '`' || (c === '}' && braces.at(-1))) {
      if (c === '}') braces.pop()
      const text = templateFrom(source, at)
      if (text.endsWith('${')) braces.push(true)
      push('text', text, first)
    } else if (c === "'" || c === '"') push('text', stringFrom(source, at), first)
    else if (/\d/.test(c) || (c === '.' && /\d/.test(source[at + 1] ?? '')))
      push('number', match(NUMBER), first)
    else if (match(WORD)) push('word', match(WORD), first)
    else if (c === '/' && !endsValue(tokens.at(-1)) && match(REGEX)) push('regex', match(REGEX), first)
    else {
      if (c === '{') braces.push(false)
      if (c === '}') braces.pop()
      push('sign', SIGNS.find((sign) => source.startsWith(sign, at)) ?? c, first)
    }
  }
}

function stringFrom(source, at) {
  let end = at + 1
  while (end < source.length && source[end] !== source[at]) end += source[end] === '\\' ? 2 : 1
  return source.slice(at, end + 1)
}

/** A piece of a template: to its end, or to the `${` of the next expression. */
function templateFrom(source, at) {
  let end = at + 1
  while (end < source.length && source[end] !== '`' && !source.startsWith('${', end))
    end += source[end] === '\\' ? 2 : 1
  return source.slice(at, end + (source[end] === '`' ? 1 : 2))
}

/** Whether a value may end with the token: what follows is an operator then, not the start of another value. */
function endsValue(token) {
  if (token === undefined) return false
  if (token.kind === 'sign') return [')', ']', '}'].includes(token.text)
  if (token.kind === 'text') return !token.text.endsWith('${')
  return token.kind !== 'word' || !BEFORE_VALUES.has(token.text)
}

/** What stands for what, by the name of the operator. */
const SWAPS = {
  relation: { '<': '<=', '<=': '<', '>': '>=', '>=': '>', '===': '!==', '!==': '===' },
  arithmetic: {
    ...{ '+': '-', '-': '+', '*': '/', '/': '*', '%': '*', '**': '*', '++': '--', '--': '++' },
    ...{
      '+=': '-=',
      '-=': '+=',
      '*=': '/=',
      '/=': '*=',
      '<<': '>>',
      '>>': '<<',
      '>>>': '<<',
      '&': '|',
      '|': '&',
    },
  },
  logic: { '&&': '||', '||': '&&' },
}

/** @returns {Mutation[]} in the order of their places */
export function mutationsOf(/** @type {string} */ source) {
  const tokens = tokensOf(source)
  return tokens.flatMap((_, i) => [
    ...swaps(tokens, i),
    ...neighbours(tokens, i),
    ...extremes(tokens, i),
    ...negations(tokens, i),
    ...lostNegations(tokens, i),
    ...lostCalls(tokens, i),
  ])
}

function replaced({ at, end }, text, operator) {
  return { at, end, text, operator }
}

function swaps(tokens, i) {
  const token = tokens[i]
  if (token.kind !== 'sign') return []
  return Object.entries(SWAPS).flatMap(([operator, signs]) =>
    Object.hasOwn(signs, token.text) ? [replaced(token, signs[token.text], operator)] : [],
  )
}

/** Whole numbers, one more and one less. */
function neighbours(tokens, i) {
  const { kind, text } = tokens[i]
  if (kind !== 'number') return []
  const digits = text.replaceAll('_', '').replace(/n$/, '')
  if (!/^(\d+|0[xXbBoO][\da-fA-F]+)$/.test(digits)) return []
  const ending = text.endsWith('n') ? 'n' : ''
  return [1n, -1n].map((step) => {
    const value = BigInt(digits) + step
    return replaced(tokens[i], value < 0n ? `(${value}${ending})` : `${value}${ending}`, 'constant')
  })
}

function extremes(tokens, i) {
  const other = { min: 'max', max: 'min' }[tokens[i].text]
  const isOfMath = tokens[i - 1]?.text === '.' && tokens[i - 2]?.text === 'Math'
  return other && isOfMath ? [replaced(tokens[i], other, 'extreme')] : []
}

/** `if (x)` becomes `if (!(x))`. */
function negations(tokens, i) {
  const open = tokens[i + 1]
  if (tokens[i].kind !== 'word' || tokens[i].text !== 'if' || open?.text !== '(') return []
  const close = tokens[closing(tokens, i + 1)]
  const inside = tokens.slice(i + 1, closing(tokens, i + 1) + 1)
  if (close === undefined) return []
  return [{ at: open.at, end: close.end, text: `(!${textOf(inside)})`, operator: 'condition' }]
}

function textOf(tokens) {
  return tokens.reduce((text, token, i) => {
    const gap = i > 0 && tokens[i - 1].end < token.at ? ' ' : ''
    return text + gap + token.text
  }, '')
}

/** `!x` becomes `x`; the `!` behind a value says something of its type alone. */
function lostNegations(tokens, i) {
  const isNegation = tokens[i].kind === 'sign' && tokens[i].text === '!' && !endsValue(tokens[i - 1])
  return isNegation ? [replaced(tokens[i], ' ', 'negation')] : []
}

const KEYWORDS = new Set(
  'return throw const let var if else for while do switch case default import export function async class new typeof yield type interface super this'.split(
    ' ',
  ),
)

/** A statement on a line of its own, or behind an `if`, that is a call: it is left out. */
function lostCalls(tokens, i) {
  if (!startsStatement(tokens, i)) return []
  let k = tokens[i].text === 'await' ? i + 1 : i
  if (tokens[k]?.kind !== 'word' || KEYWORDS.has(tokens[k].text)) return []
  for (k++; k < tokens.length; ) {
    const { text, kind, first } = tokens[k]
    if (text === '(' || text === '[') k = closing(tokens, k) + 1
    else if ((kind === 'word' && !first) || (kind === 'sign' && ['.', '?.', '!'].includes(text))) k++
    else break
  }
  const last = tokens[k - 1]
  if (last?.text !== ')' || !(tokens[k] === undefined || tokens[k].first || tokens[k].text === '}')) return []
  if (tokens[k] !== undefined && tokens[k].kind === 'sign' && !['}', '[', ';'].includes(tokens[k].text))
    return []
  return [{ at: tokens[i].at, end: last.end, text: ';', operator: 'call' }]
}

function startsStatement(tokens, i) {
  const before = tokens[i - 1]
  if (before?.text === ')') return tokens[opening(tokens, i - 1) - 1]?.text === 'if' || tokens[i].first
  if (before?.text === 'else') return true
  return tokens[i].first && (before?.text === '{' || endsValue(before))
}

const PAIRS = { '(': ')', '[': ']', '{': '}' }

/** The index of the bracket that closes the one at `i`. */
function closing(tokens, i) {
  return partner(tokens, i, 1, tokens[i].text, PAIRS[tokens[i].text])
}

function opening(tokens, i) {
  return partner(tokens, i, -1, ')', '(')
}

function partner(tokens, i, step, same, other) {
  for (let depth = 0, k = i; tokens[k] !== undefined; k += step) {
    if (tokens[k].kind !== 'sign') continue
    if (tokens[k].text === same) depth++
    if (tokens[k].text === other && --depth === 0) return k
  }
  return -2
}
