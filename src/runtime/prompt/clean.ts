/**
 * What OpenAI's tokenizer does to a text before it cuts it into words: `ftfy.fix_text`, `html.unescape` twice, spaces,
 * lower case. Source: openai/CLIP, clip/simple_tokenizer.py; ftfy 6 (Robyn Speer); Python's html module.
 *
 * One part of ftfy is left out: its repair of text that was decoded in a wrong encoding, a heuristic that could change
 * words a person means. A prompt reaches us as UTF-8, so there is nothing to repair.
 */
import { decodeHTML, decodeHTMLStrict } from 'entities'

/** White space as Python's `regex` has it: JavaScript's `\s` adds U+FEFF and lacks U+0085. */
export const SPACE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const RE_SPACES = new RegExp(`[${SPACE}]+`, 'gu')

export function cleanText(text: string): string {
  const fixed = unescapeHtml(unescapeHtml(fixText(text)))
  return fixed.replace(RE_SPACES, ' ').replace(/^ | $/g, '').toLowerCase()
}

/** Line by line, as ftfy does; from the first `<` on, entities stand for themselves (until `unescapeHtml`). */
function fixText(text: string): string {
  let isMarkup = false
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      isMarkup ||= line.includes('<')
      return fixLine(line, isMarkup)
    })
    .join('')
}

/** Until nothing changes any more. */
function fixLine(line: string, isMarkup: boolean): string {
  for (let text = line; ; ) {
    const fixed = fixOnce(isMarkup ? text : text.replace(RE_WHOLE_ENTITY, wholeEntity))
    if (fixed === text) return text
    text = fixed
  }
}

function fixOnce(text: string): string {
  return text
    .replace(/[\u0080-\u009f]/g, windows1252)
    .replace(RE_LIGATURES, (ligature) => LIGATURES[ligature]!)
    .replace(/[\u3000\uff01-\uffef]/g, (wide) => (wide === '\u3000' ? ' ' : wide.normalize('NFKC')))
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/\r\n|[\r\u2028\u2029\u0085]/g, '\n')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(RE_TERMINAL, '')
    .replace(RE_CONTROL, '')
    .normalize('NFC')
}

/** Letters that stand in for two; the others with a meaning of their own, such as æ, stay. */
const LIGATURES: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
}
const RE_LIGATURES = new RegExp(`[${Object.keys(LIGATURES).join('')}]`, 'g')

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is for
const RE_TERMINAL = /\u001b\[[\d;]*[a-zA-Z]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is for
const RE_CONTROL = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/g

/** Bytes 0x80 to 0x9f, as Node's decoder of that name takes them for Latin-1. A space where there is nothing. */
const WINDOWS_1252 = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ'

/** What the byte of a C1 control character means in Windows; five of them mean nothing else. */
function windows1252(control: string): string {
  const meant = WINDOWS_1252[control.charCodeAt(0) - 0x80]!
  return meant === ' ' ? control : meant
}

const RE_WHOLE_ENTITY = /&#?[0-9A-Za-z]{1,24};/g

/** Of ftfy: only with the semicolon, but some also in capitals (`&EACUTE;`). */
function wholeEntity(entity: string): string {
  if (entity.startsWith('&#')) {
    const decoded = unescapeHtml(entity)
    return decoded.includes(';') ? entity : decoded
  }
  const decoded = decodeHTMLStrict(entity)
  if (decoded !== entity || entity !== entity.toUpperCase()) return decoded
  const lower = decodeHTMLStrict(entity.toLowerCase())
  const isFree = decodeHTML(entity) === entity && lower !== entity.toLowerCase()
  return isFree ? lower.toUpperCase() : entity
}

const RE_REFERENCE = /&(?:#([0-9]+);?|#[xX]([0-9a-fA-F]+);?|[^\t\n\f <&#;]{1,32};?)/gu

/** `html.unescape` of Python: entities with and without semicolon, references by number. */
export function unescapeHtml(text: string): string {
  return text.replace(RE_REFERENCE, (whole, decimal?: string, hexadecimal?: string) => {
    if (decimal !== undefined) return characterOf(Number(decimal))
    if (hexadecimal !== undefined) return characterOf(Number.parseInt(hexadecimal, 16))
    return decodeHTML(whole)
  })
}

function characterOf(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return windows1252(String.fromCharCode(code))
  if (code === 0 || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return '\ufffd'
  if (code === 0x0d) return '\r'
  return isNoCharacter(code) ? '' : String.fromCodePoint(code)
}

function isNoCharacter(code: number): boolean {
  const isControl = code <= 0x08 || code === 0x0b || (code >= 0x0e && code <= 0x1f) || code === 0x7f
  return isControl || (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe
}
