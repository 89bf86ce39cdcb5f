/**
 * The central directory of a zip archive: what entries there are. In it a CRC of zero says that nobody computed one
 * (`torch.serialization.set_crc32_options(False)`, `skip_data`); torch itself never checks them.
 * Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.12 (directory), 4.3.14 to 4.3.16 (ends).
 */
import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import { messages } from './messages.ts'

const DIRECTORY_SIGNATURE = 0x02014b50
const END_SIGNATURE = 0x06054b50
const END64_SIGNATURE = 0x06064b50
const LOCATOR64_SIGNATURE = 0x07064b50

/** Of a local header, without name and extra fields. */
export const LOCAL_BYTES = 30
const DIRECTORY_BYTES = 46
const END_BYTES = 22
const END64_BYTES = 56
const LOCATOR64_BYTES = 20
const MAX_COMMENT = 0xffff

/** A full Flux checkpoint has about 3,000 entries of 80 bytes; this is room for 500,000. */
const MAX_DIRECTORY_BYTES = 64_000_000
/** torch starts all data at multiples of this, by a padding field of at least four bytes in the local header. */
const TORCH_ALIGNMENT = 64
const TORCH_PADDING_BYTES = 4

export const ENCRYPTED = 0x2041 // bit 0: encrypted, bit 6: strong, bit 13: masked headers
const HAS_DESCRIPTOR = 0x0008
const SATURATED16 = 0xffff
export const SATURATED32 = 0xffffffff
/** The method of an entry that is not compressed. */
export const STORED = 0

export interface ZipEntry {
  readonly name: string
  /** Byte of its local header. */
  readonly headerOffset: number
  readonly size: number
  readonly crc32: number
  /** 0 stored, 8 deflated ... Only stored entries can be located. */
  readonly method: number
  /** Byte where the next entry or the directory begins. */
  readonly limit: number
  /**
   * Byte of the data if torch wrote the entry: the next multiple of 64. Only where that, the size and the data
   * descriptor fill the bytes up to `limit` exactly.
   */
  readonly aligned?: number
}

export interface ZipDirectory {
  readonly source: ByteSource
  /** In the order of the central directory. */
  readonly entries: ReadonlyMap<string, ZipEntry>
}

/** @returns ZIP_<code> (exit 3) */
export function malformed(source: ByteSource, code: string, detail: string): Error {
  return refuse(`ZIP_${code}`, `${source.file.path}: ${detail}`, messages.damagedZip)
}

function truncated(source: ByteSource): Error {
  return refuse(
    'FILE_TRUNCATED',
    messages.zipWithoutEnd(source.file.path, source.file.size),
    messages.downloadAgain,
  )
}

function trailing(source: ByteSource): Error {
  return malformed(source, 'TRAILING_BYTES', messages.bytesAfterZip)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** u64 LE as a number. Anything beyond 2^53 cannot be a place in a file. */
function readU64(view: DataView, at: number, source: ByteSource): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(source, 'OFFSET', messages.zip64Value(value))
  return Number(value)
}

interface Directory {
  readonly count: number
  readonly bytes: number
  readonly offset: number
}

/** Reads the tail of the file, finds the end record, and follows it to the zip64 one. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const { size } = source.file
  const tailBytes = Math.min(size, END_BYTES + MAX_COMMENT + LOCATOR64_BYTES)
  const tailStart = size - tailBytes
  const view = viewOf(await source.read(tailStart, tailBytes))
  const end = findEnd(view)
  if (end === undefined) throw hasEnd(view) ? trailing(source) : truncated(source)
  if (view.getUint16(end + 4, true) !== 0 || view.getUint16(end + 6, true) !== 0)
    throw malformed(source, 'MULTI_DISK', messages.splitZip)
  const classic: Directory = {
    count: view.getUint16(end + 10, true),
    bytes: view.getUint32(end + 12, true),
    offset: view.getUint32(end + 16, true),
  }
  const locator = end - LOCATOR64_BYTES
  const has64 = locator >= 0 && view.getUint32(locator, true) === LOCATOR64_SIGNATURE
  if (!has64) return checkPlace(classic, tailStart + end, source)
  const end64 = readU64(view, locator + 8, source)
  return checkPlace(await readEnd64(source, end64, tailStart + locator, classic), end64, source)
}

function hasEnd(view: DataView): boolean {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).includes('PK\x05\x06', 0, 'latin1')
}

/** Index of the last end record whose comment ends with the file. */
function findEnd(view: DataView): number | undefined {
  for (let at = view.byteLength - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE) continue
    if (at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength) return at
  }
  return undefined
}

async function readEnd64(
  source: ByteSource,
  at: number,
  locator: number,
  classic: Directory,
): Promise<Directory> {
  if (at + END64_BYTES > locator) throw malformed(source, 'END64', messages.zip64EndOutside(at))
  const view = viewOf(await source.read(at, END64_BYTES))
  if (view.getUint32(0, true) !== END64_SIGNATURE) throw malformed(source, 'END64', messages.noZip64End(at))
  if (view.getUint32(16, true) !== 0 || view.getUint32(20, true) !== 0)
    throw malformed(source, 'MULTI_DISK', messages.splitZip)
  const found: Directory = {
    count: readU64(view, 32, source),
    bytes: readU64(view, 40, source),
    offset: readU64(view, 48, source),
  }
  const agrees = (small: number, wide: number, saturated: number) => small === saturated || small === wide
  if (
    !agrees(classic.count, found.count, SATURATED16) ||
    !agrees(classic.bytes, found.bytes, SATURATED32) ||
    !agrees(classic.offset, found.offset, SATURATED32)
  )
    throw malformed(source, 'END64', messages.twoDirectories)
  return found
}

/** The directory must end where the end record begins: bytes before or between would shift every offset. */
function checkPlace(directory: Directory, end: number, source: ByteSource): Directory {
  if (directory.bytes > MAX_DIRECTORY_BYTES)
    throw malformed(
      source,
      'DIRECTORY_TOO_LARGE',
      messages.directoryTooLarge(directory.bytes, MAX_DIRECTORY_BYTES),
    )
  if (directory.offset + directory.bytes !== end)
    throw malformed(source, 'DIRECTORY', messages.directoryMisplaced(directory.bytes, directory.offset, end))
  return directory
}

interface RawEntry extends Omit<ZipEntry, 'limit' | 'aligned'> {
  /** Least number of bytes before the data: local header, name, zip64 field, and the padding field of torch. */
  readonly preamble: number
  /** Bytes of the data descriptor. */
  readonly descriptor: number
}

/** Empty, absolute, a Windows drive, a part `..`, a backslash or NUL. */
const BAD_NAME = /^$|^\/|^[A-Za-z]:|(^|\/)\.\.(\/|$)|[\\\0]/

function checkName(name: string, source: ByteSource): void {
  if (BAD_NAME.test(name)) throw malformed(source, 'NAME', messages.entryEscapes(name))
}

interface Wide {
  readonly size: number
  readonly compressed: number
  readonly headerOffset: number
}

/** Values of the zip64 extra field (id 1) stand in this order, each only if its classic field is saturated. */
function widen(entry: Wide, saturated: number, extra: DataView, name: string, source: ByteSource): Wide {
  if (saturated === 0) return entry
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    const length = extra.getUint16(at + 2, true)
    if (extra.getUint16(at, true) !== 1) continue
    if (length < 8 * saturated || at + 4 + length > extra.byteLength) break
    let next = at + 4
    const take = (n: number): number => {
      if (n !== SATURATED32) return n
      next += 8
      return readU64(extra, next - 8, source)
    }
    const size = take(entry.size)
    const compressed = take(entry.compressed)
    return { size, compressed, headerOffset: take(entry.headerOffset) }
  }
  throw malformed(source, 'EXTRA', messages.noZip64Sizes(name))
}

function parseEntry(view: DataView, at: number, source: ByteSource): { entry: RawEntry; next: number } {
  if (at + DIRECTORY_BYTES > view.byteLength || view.getUint32(at, true) !== DIRECTORY_SIGNATURE)
    throw malformed(source, 'DIRECTORY', messages.noDirectoryEntry(at))
  const nameLength = view.getUint16(at + 28, true)
  const extraLength = view.getUint16(at + 30, true)
  const next = at + DIRECTORY_BYTES + nameLength + extraLength + view.getUint16(at + 32, true)
  if (next > view.byteLength) throw malformed(source, 'DIRECTORY', messages.entryBeyondDirectory(at))
  const nameAt = at + DIRECTORY_BYTES
  const name = Buffer.from(view.buffer, view.byteOffset + nameAt, nameLength).toString('utf8')
  checkName(name, source)
  const flags = view.getUint16(at + 8, true)
  if ((flags & ENCRYPTED) !== 0) throw encrypted(source, name)
  if (view.getUint16(at + 34, true) !== 0)
    throw malformed(source, 'MULTI_DISK', messages.entryElsewhere(name))
  const extra = new DataView(view.buffer, view.byteOffset + nameAt + nameLength, extraLength)
  const classic: Wide = {
    size: view.getUint32(at + 24, true),
    compressed: view.getUint32(at + 20, true),
    headerOffset: view.getUint32(at + 42, true),
  }
  const saturated =
    Number(classic.size === SATURATED32) +
    Number(classic.compressed === SATURATED32) +
    Number(classic.headerOffset === SATURATED32)
  const { size, compressed, headerOffset } = widen(classic, saturated, extra, name, source)
  const method = view.getUint16(at + 10, true)
  if (method === STORED && size !== compressed) throw malformed(source, 'SIZE', messages.twoSizes(name))
  const wideBytes = saturated === 0 ? 0 : 4 + 8 * saturated
  const preamble = LOCAL_BYTES + nameLength + wideBytes + TORCH_PADDING_BYTES
  const descriptor = (flags & HAS_DESCRIPTOR) === 0 ? 0 : saturated === 0 ? 16 : 24
  const crc = view.getUint32(at + 16, true)
  return { entry: { name, headerOffset, size, crc32: crc, method, preamble, descriptor }, next }
}

function encrypted(source: ByteSource, name: string): Error {
  return refuse('ZIP_ENCRYPTED', messages.entryEncrypted(source.file.path, name), messages.unpackWithPassword)
}

/** Gives each entry the place where the next begins; entries that share bytes are how two readers see two files. */
function withLimits(raw: readonly RawEntry[], directoryOffset: number, source: ByteSource): ZipEntry[] {
  const sorted = [...raw].sort((a, b) => a.headerOffset - b.headerOffset)
  const limits = new Map<RawEntry, number>()
  sorted.forEach((entry, i) => {
    const limit = sorted[i + 1]?.headerOffset ?? directoryOffset
    const least = LOCAL_BYTES + entry.name.length + (entry.method === STORED ? entry.size : 0)
    if (entry.headerOffset + least > limit) {
      const next = sorted[i + 1]?.name
      throw malformed(
        source,
        'OVERLAP',
        next === undefined
          ? messages.overlapsDirectory(entry.name, limit)
          : messages.overlapsEntry(entry.name, next, limit),
      )
    }
    limits.set(entry, limit)
  })
  return raw.map((entry) => withPlace(entry, limits.get(entry)!))
}

function withPlace(raw: RawEntry, limit: number): ZipEntry {
  const { name, headerOffset, size, method } = raw
  const entry = { name, headerOffset, size, crc32: raw.crc32, method, limit }
  const aligned = Math.ceil((headerOffset + raw.preamble) / TORCH_ALIGNMENT) * TORCH_ALIGNMENT
  return aligned + size + raw.descriptor === limit ? { ...entry, aligned } : entry
}

/**
 * Reads the central directory.
 * @throws FILE_TRUNCATED (exit 3) without an end record; ZIP_TRAILING_BYTES, ZIP_ENCRYPTED, ZIP_MULTI_DISK, ZIP_NAME, ZIP_DUPLICATE, ZIP_OVERLAP,
 * ZIP_DIRECTORY, ZIP_DIRECTORY_TOO_LARGE, ZIP_END64, ZIP_EXTRA, ZIP_OFFSET, ZIP_SIZE (exit 3)
 */
export async function readZipDirectory(source: ByteSource): Promise<ZipDirectory> {
  const directory = await findDirectory(source)
  const view = viewOf(await source.read(directory.offset, directory.bytes))
  const raw: RawEntry[] = []
  const names = new Set<string>()
  let at = 0
  while (at < view.byteLength) {
    const { entry, next } = parseEntry(view, at, source)
    if (names.has(entry.name)) throw malformed(source, 'DUPLICATE', messages.entryTwice(entry.name))
    names.add(entry.name)
    raw.push(entry)
    at = next
  }
  if (raw.length !== directory.count)
    throw malformed(source, 'DIRECTORY', messages.wrongCount(raw.length, directory.count))
  const entries = withLimits(raw, directory.offset, source)
  return { source, entries: new Map(entries.map((entry) => [entry.name, entry])) }
}
