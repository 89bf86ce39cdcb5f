/**
 * Opcodes of pickle protocols 0 to 5 and their arguments. Source: CPython `Lib/pickletools.py`.
 * Both the machine (`pickle.ts`) and the scan of what it did not reach (`security.ts`) read through `nextOp`, so a
 * file cannot show one of them something else than the other.
 */
import { messages } from './pickle-messages.ts'

/** How an argument is laid out behind its opcode. Integers are little-endian, floats big-endian. */
type ArgLayout =
  | 'none'
  | 'u8'
  | 'u16'
  | 'i32'
  | 'u32'
  | 'u64'
  | 'f64'
  | 'line' // text up to \n
  | 'global' // two lines: module, name
  | 'int-line' // decimal, or 00 / 01 for False / True
  | 'long-line' // decimal, with or without L
  | 'float-line'
  | 'string-line' // Python 2 repr
  | 'unicode-line' // raw-unicode-escape
  | 'long8'
  | 'long32' // length, then two's complement
  | 'bytes8'
  | 'bytes32'
  | 'bytes64'
  | 'text8'
  | 'text32'
  | 'text64'
  | 'str8'
  | 'str32' // Python 2 str: bytes, or text if it is ASCII

export type OpArg = null | boolean | number | bigint | string | Uint8Array | readonly [string, string]

/** The bytes are not a pickle, or not a whole one. `security.ts` makes the final error of it. */
export class PickleFault extends Error {
  readonly code: string
  readonly at: number

  constructor(code: string, at: number, message: string) {
    super(message)
    this.code = code
    this.at = at
  }
}

// biome-ignore format: a table
export const OP = {
  MARK: 0x28, STOP: 0x2e, POP: 0x30, POP_MARK: 0x31, DUP: 0x32, FLOAT: 0x46, INT: 0x49, BININT: 0x4a, BININT1: 0x4b,
  LONG: 0x4c, BININT2: 0x4d, NONE: 0x4e, PERSID: 0x50, BINPERSID: 0x51, REDUCE: 0x52, STRING: 0x53, BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55, UNICODE: 0x56, BINUNICODE: 0x58, APPEND: 0x61, BUILD: 0x62, GLOBAL: 0x63, DICT: 0x64,
  EMPTY_DICT: 0x7d, APPENDS: 0x65, GET: 0x67, BINGET: 0x68, INST: 0x69, LONG_BINGET: 0x6a, LIST: 0x6c, EMPTY_LIST: 0x5d,
  OBJ: 0x6f, PUT: 0x70, BINPUT: 0x71, LONG_BINPUT: 0x72, SETITEM: 0x73, TUPLE: 0x74, EMPTY_TUPLE: 0x29, SETITEMS: 0x75,
  BINFLOAT: 0x47, PROTO: 0x80, NEWOBJ: 0x81, EXT1: 0x82, EXT2: 0x83, EXT4: 0x84, TUPLE1: 0x85, TUPLE2: 0x86,
  TUPLE3: 0x87, NEWTRUE: 0x88, NEWFALSE: 0x89, LONG1: 0x8a, LONG4: 0x8b, BINBYTES: 0x42, SHORT_BINBYTES: 0x43,
  SHORT_BINUNICODE: 0x8c, BINUNICODE8: 0x8d, BINBYTES8: 0x8e, EMPTY_SET: 0x8f, ADDITEMS: 0x90, FROZENSET: 0x91,
  NEWOBJ_EX: 0x92, STACK_GLOBAL: 0x93, MEMOIZE: 0x94, FRAME: 0x95, BYTEARRAY8: 0x96, NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
} as const

export type OpName = keyof typeof OP

const LAYOUTS: Partial<Record<OpName, ArgLayout>> = {
  FLOAT: 'float-line',
  INT: 'int-line',
  BININT: 'i32',
  BININT1: 'u8',
  LONG: 'long-line',
  BININT2: 'u16',
  PERSID: 'line',
  STRING: 'string-line',
  BINSTRING: 'str32',
  SHORT_BINSTRING: 'str8',
  UNICODE: 'unicode-line',
  BINUNICODE: 'text32',
  GLOBAL: 'global',
  GET: 'int-line',
  BINGET: 'u8',
  INST: 'global',
  LONG_BINGET: 'u32',
  PUT: 'int-line',
  BINPUT: 'u8',
  LONG_BINPUT: 'u32',
  BINFLOAT: 'f64',
  PROTO: 'u8',
  EXT1: 'u8',
  EXT2: 'u16',
  EXT4: 'i32',
  LONG1: 'long8',
  LONG4: 'long32',
  BINBYTES: 'bytes32',
  SHORT_BINBYTES: 'bytes8',
  SHORT_BINUNICODE: 'text8',
  BINUNICODE8: 'text64',
  BINBYTES8: 'bytes64',
  FRAME: 'u64',
  BYTEARRAY8: 'bytes64',
}

/** Decimal digits of an integer in text: enough for any real value, and parsing them stays cheap. */
const MAX_DIGITS = 1_000
/** Bytes of a binary integer, for the same reason. The magic number of torch has 10. */
const MAX_LONG_BYTES = 512
const NEWLINE = 0x0a

export interface OpReader {
  readonly bytes: Buffer
  readonly view: DataView
  /** Next byte to read. */
  at: number
  /** Place, code and argument of the last opcode. */
  opAt: number
  code: number
  arg: OpArg
}

export function newOpReader(bytes: Uint8Array, at = 0): OpReader {
  return {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at,
    opAt: at,
    code: 0,
    arg: null,
  }
}

function fault(r: OpReader, detail: string): PickleFault {
  return new PickleFault('PICKLE_MALFORMED', r.opAt, detail)
}

/** Moves on by `length` bytes and returns where they start. */
function advance(r: OpReader, length: number): number {
  const start = r.at
  if (length > r.bytes.length - start)
    throw new PickleFault('PICKLE_TRUNCATED', r.opAt, messages.argumentCut(length, r.bytes.length - start))
  r.at = start + length
  return start
}

function u64(r: OpReader): number {
  const value = r.view.getBigUint64(advance(r, 8), true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw fault(r, messages.impossibleLength(value))
  return Number(value)
}

function take(r: OpReader, length: number): Buffer {
  const start = advance(r, length)
  return r.bytes.subarray(start, start + length)
}

function unendedLine(r: OpReader): PickleFault {
  return new PickleFault('PICKLE_TRUNCATED', r.opAt, messages.lineDoesNotEnd)
}

function line(r: OpReader): Buffer {
  const end = r.bytes.indexOf(NEWLINE, r.at)
  if (end < 0) throw unendedLine(r)
  const text = r.bytes.subarray(r.at, end)
  r.at = end + 1
  return text
}

/**
 * UTF-8 as Python writes it: `surrogatepass`, so lone surrogates (ED A0..BF xx) are kept. Anything else that is
 * not UTF-8 is refused.
 */
function utf8(r: OpReader, start: number): string {
  const text = r.bytes.toString('utf8', start, r.at)
  // U+FFFD marks what did not decode; it may as well stand in the text itself, as EF BF BD.
  if (!text.includes('\ufffd')) return text
  const bytes = r.bytes.subarray(start, r.at)
  const units = bytes.toString('latin1').replace(/\xed([\xa0-\xbf])([\x80-\xbf])/g, '\xef\xbf\xbd')
  if (
    !Buffer.from(Buffer.from(units, 'latin1').toString('utf8'), 'utf8').equals(Buffer.from(units, 'latin1'))
  )
    throw fault(r, messages.textNotUtf8)
  return withSurrogates(bytes)
}

function utf8Line(r: OpReader): string {
  const end = r.bytes.indexOf(NEWLINE, r.at)
  if (end < 0) throw unendedLine(r)
  const start = r.at
  r.at = end
  const text = utf8(r, start)
  r.at = end + 1
  return text
}

/** Decodes the pieces between surrogates as UTF-8, and each surrogate by hand. */
function withSurrogates(bytes: Buffer): string {
  const pieces: string[] = []
  let start = 0
  for (let i = bytes.indexOf(0xed); i >= 0 && i + 2 < bytes.length; i = bytes.indexOf(0xed, i + 1)) {
    if (bytes[i + 1]! < 0xa0) continue
    pieces.push(bytes.toString('utf8', start, i))
    pieces.push(String.fromCharCode(0xd000 | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f)))
    start = i + 3
  }
  pieces.push(bytes.toString('utf8', start))
  return pieces.join('')
}

/** A Python 2 `str` is text if it is ASCII, else bytes (raw numpy data). */
function python2String(bytes: Buffer): string | Uint8Array {
  return bytes.every((byte) => byte < 0x80) ? bytes.toString('latin1') : bytes
}

// biome-ignore format: a table
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v', '\n': '' }

/** A string literal of Python 2: quotes around it, C escapes inside. */
function quotedString(r: OpReader): string | Uint8Array {
  const text = line(r).toString('latin1').trim()
  const quote = text[0]
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote))
    throw fault(r, messages.textWithoutQuotes)
  const plain = text
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g, (_, code: string) => unescaped(code))
  return python2String(Buffer.from(plain, 'latin1'))
}

function unescaped(code: string): string {
  if (code[0] === 'x' && code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
  if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff)
  return ESCAPES[code] ?? (/['"\\]/.test(code) ? code : `\\${code}`)
}

/** raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX. */
function rawUnicode(r: OpReader): string {
  return line(r)
    .toString('latin1')
    .replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? long!, 16)
      if (code > 0x10ffff) throw fault(r, messages.notACharacter(long!))
      return String.fromCodePoint(code)
    })
}

function digits(r: OpReader): string {
  const text = line(r).toString('latin1').trim()
  if (text.length > MAX_DIGITS) throw fault(r, messages.tooManyDigits(text.length, MAX_DIGITS))
  return text
}

function integer(value: bigint): number | bigint {
  const small = Number(value)
  return Number.isSafeInteger(small) ? small : value
}

function decimal(r: OpReader, text: string): number | bigint {
  if (!/^[+-]?\d+$/.test(text)) throw fault(r, messages.notAnInteger(text))
  return integer(BigInt(text.replace('+', '')))
}

function intLine(r: OpReader): boolean | number | bigint {
  const text = digits(r)
  if (text === '00') return false
  return text === '01' ? true : decimal(r, text)
}

function floatLine(r: OpReader): number {
  const text = digits(r).toLowerCase()
  const special: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: NaN, '-nan': NaN }
  if (Object.hasOwn(special, text)) return special[text]!
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) throw fault(r, messages.notANumber(text))
  return Number(text)
}

/** Two's complement, little-endian. */
function long(r: OpReader, length: number): number | bigint {
  if (length < 0 || length > MAX_LONG_BYTES) throw fault(r, messages.integerTooLong(length, MAX_LONG_BYTES))
  const bytes = take(r, length)
  if (length === 0) return 0
  const hex = Buffer.from(bytes).reverse().toString('hex')
  return integer(BigInt.asIntN(8 * length, BigInt(`0x${hex}`)))
}

function u8(r: OpReader): number {
  return r.bytes[advance(r, 1)]!
}

function u32(r: OpReader): number {
  return r.view.getUint32(advance(r, 4), true)
}

const READERS: Record<ArgLayout, (r: OpReader) => OpArg> = {
  none: () => null,
  u8,
  u16: (r) => r.view.getUint16(advance(r, 2), true),
  i32: (r) => r.view.getInt32(advance(r, 4), true),
  u32,
  u64,
  f64: (r) => r.view.getFloat64(advance(r, 8), false),
  line: (r) => line(r).toString('latin1'),
  global: (r) => [utf8Line(r), utf8Line(r)],
  'int-line': intLine,
  'long-line': (r) => decimal(r, digits(r).replace(/L$/, '')),
  'float-line': floatLine,
  'string-line': quotedString,
  'unicode-line': rawUnicode,
  long8: (r) => long(r, u8(r)),
  long32: (r) => long(r, r.view.getInt32(advance(r, 4), true)),
  bytes8: (r) => take(r, u8(r)),
  bytes32: (r) => take(r, u32(r)),
  bytes64: (r) => take(r, u64(r)),
  text8: (r) => utf8(r, advance(r, u8(r))),
  text32: (r) => utf8(r, advance(r, u32(r))),
  text64: (r) => utf8(r, advance(r, u64(r))),
  str8: (r) => python2String(take(r, u8(r))),
  str32: (r) => python2String(take(r, u32(r))),
}

const BY_CODE: ({ name: OpName; read: (r: OpReader) => OpArg } | undefined)[] = new Array(256).fill(undefined)
for (const [name, code] of Object.entries(OP) as [OpName, number][]) {
  BY_CODE[code] = { name, read: READERS[LAYOUTS[name] ?? 'none'] }
}

/**
 * Reads one opcode with its argument into the reader and returns its code.
 * @throws PickleFault for an unknown opcode, a malformed argument, or the end of the bytes
 */
export function nextOp(r: OpReader): number {
  r.opAt = r.at
  if (r.at >= r.bytes.length) throw new PickleFault('PICKLE_TRUNCATED', r.at, messages.noStop)
  r.code = r.bytes[r.at++]!
  const op = BY_CODE[r.code]
  if (!op) throw fault(r, messages.notAnOpcode(r.code.toString(16).padStart(2, '0')))
  r.arg = op.read(r)
  return r.code
}

export function opName(code: number): string {
  return BY_CODE[code]?.name ?? `0x${code.toString(16)}`
}
