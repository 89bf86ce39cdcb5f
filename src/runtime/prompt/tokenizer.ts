/**
 * CLIP's tokenizer: text to token ids, without the begin and end of a prompt.
 * Source: openai/CLIP, clip/simple_tokenizer.py; byte-pair encoding of Sennrich et al. 2016.
 */
import { cleanText, SPACE } from './clean.ts'
import { readMerges } from './merges.ts'

export const START_TOKEN = 49406
export const END_TOKEN = 49407

export interface Tokenizer {
  encode(text: string): number[]
}

let loaded: Tokenizer | undefined

/** Reads the vocabulary once. */
export function clipTokenizer(): Tokenizer {
  loaded ??= createTokenizer(readMerges())
  return loaded
}

const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['<|startoftext|>', START_TOKEN],
  ['<|endoftext|>', END_TOKEN],
])

/**
 * OpenAI's pattern ignores case, on text in lower case. What that changes is written out here: the long s, and U+0345,
 * which Python finds in no class then, so that it is dropped.
 */
const RE_WORDS = new RegExp(
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${SPACE}\\u0345\\p{L}\\p{N}]+`,
  'gu',
)

/** Words that were encoded are remembered, up to this many. */
const MAX_REMEMBERED = 10_000

function createTokenizer(merges: readonly string[]): Tokenizer {
  const vocabulary = vocabularyOf(merges)
  const remembered = new Map<string, readonly number[]>()
  const wordTokens = (word: string): readonly number[] => {
    const known = remembered.get(word)
    if (known) return known
    const tokens = merged(bytesOf(word), vocabulary)
    if (remembered.size < MAX_REMEMBERED) remembered.set(word, tokens)
    return tokens
  }
  return {
    encode: (text) => {
      const words = cleanText(text).match(RE_WORDS) ?? []
      return words.flatMap((word) => SPECIAL.get(word) ?? wordTokens(word))
    },
  }
}

/** Ids 0-255: bytes; 256-511: bytes that end a word; from 512: what the merges make, in their order. */
const END_OF_WORD = 256
const FIRST_MERGE = 512

/** Id of the pair of two ids. Lower ids are merged first. */
type Vocabulary = ReadonlyMap<number, number>

/** Ids stay below 2^16. */
function pairKey(left: number, right: number): number {
  return left * 0x10000 + right
}

function vocabularyOf(merges: readonly string[]): Vocabulary {
  const ids = new Map<string, number>()
  byteSymbols().forEach((symbol, id) => {
    ids.set(symbol, id)
    ids.set(`${symbol}</w>`, END_OF_WORD + id)
  })
  const pairs = new Map<number, number>()
  merges.forEach((merge, rank) => {
    const [left, right] = merge.split(' ') as [string, string]
    ids.set(left + right, FIRST_MERGE + rank)
    pairs.set(pairKey(ids.get(left)!, ids.get(right)!), FIRST_MERGE + rank)
  })
  return pairs
}

/** What each id stands for, in the order of the ids, without the two special ones. */
export function vocabularySymbols(merges: readonly string[]): string[] {
  const bytes = byteSymbols()
  return [
    ...bytes,
    ...bytes.map((symbol) => `${symbol}</w>`),
    ...merges.map((merge) => merge.replace(' ', '')),
  ]
}

/** Bytes in the order of their ids: printable Latin-1 characters first, then the others. */
function bytesInOrder(): number[] {
  const isPrintable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  const all = Array.from({ length: 256 }, (_, byte) => byte)
  return [...all.filter(isPrintable), ...all.filter((byte) => !isPrintable(byte))]
}

/** What stands for each byte in the list of merges: itself if it is printable, else a character from U+0100 on. */
function byteSymbols(): string[] {
  let next = 0x100
  return bytesInOrder().map((byte, id) => String.fromCharCode(id < FIRST_UNPRINTABLE ? byte : next++))
}

/** 94 ASCII characters, 12 and 82 of Latin-1. */
const FIRST_UNPRINTABLE = 188

const ID_OF_BYTE = bytesInOrder().reduce((ids, byte, id) => ids.fill(id, byte, byte + 1), new Uint8Array(256))

function bytesOf(word: string): number[] {
  const ids = Array.from(Buffer.from(word, 'utf8'), (byte) => ID_OF_BYTE[byte]!)
  ids[ids.length - 1]! += END_OF_WORD
  return ids
}

/** Joins the pair with the lowest id, wherever it stands, until no pair is in the vocabulary. */
function merged(word: number[], vocabulary: Vocabulary): number[] {
  let symbols = word
  for (;;) {
    const next = lowestPair(symbols, vocabulary)
    if (next === undefined) return symbols
    symbols = applyMerge(symbols, next, vocabulary)
  }
}

function lowestPair(symbols: readonly number[], vocabulary: Vocabulary): number | undefined {
  let lowest: number | undefined
  for (let i = 1; i < symbols.length; i++) {
    const id = vocabulary.get(pairKey(symbols[i - 1]!, symbols[i]!))
    if (id !== undefined && (lowest === undefined || id < lowest)) lowest = id
  }
  return lowest
}

function applyMerge(symbols: readonly number[], id: number, vocabulary: Vocabulary): number[] {
  const result: number[] = []
  for (let i = 0; i < symbols.length; i++) {
    const isPair = i + 1 < symbols.length && vocabulary.get(pairKey(symbols[i]!, symbols[i + 1]!)) === id
    result.push(isPair ? id : symbols[i]!)
    if (isPair) i++
  }
  return result
}
