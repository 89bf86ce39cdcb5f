/**
 * Where the data of a zip entry is, and what it holds. Local headers only give the place of the data: torch leaves sizes
 * and CRC zero there and puts them into data descriptors.
 * Format: PKWARE APPNOTE.TXT 6.3.10, section 4.3.7 (local header).
 */
import { crc32 } from 'node:zlib'
import { refuse } from '../../system/errors.ts'
import { inParallel, PARALLEL_READS } from '../../system/parallel.ts'
import { messages } from './messages.ts'
import {
  ENCRYPTED,
  LOCAL_BYTES,
  malformed,
  SATURATED32,
  STORED,
  viewOf,
  type ZipDirectory,
  type ZipEntry,
} from './zip-directory.ts'

const LOCAL_SIGNATURE = 0x04034b50

/** Local headers read to confirm places computed from the directory, where each read is a request. */
const SAMPLES = 8

/**
 * Byte of the first data byte of a stored entry, from its local header.
 * @throws ZIP_COMPRESSED, ZIP_OVERLAP, ZIP_LOCAL_HEADER (exit 3) when the header contradicts the directory
 */
export async function locateEntry({ source }: ZipDirectory, entry: ZipEntry): Promise<number> {
  if (entry.method !== STORED)
    throw refuse(
      'ZIP_COMPRESSED',
      messages.entryCompressed(source.file.path, entry.name, entry.method),
      messages.unpackAndSave,
    )
  const nameBytes = Buffer.from(entry.name, 'utf8')
  const bytes = await source.read(entry.headerOffset, LOCAL_BYTES + nameBytes.byteLength)
  const view = viewOf(bytes)
  const contradiction = localContradiction(view, entry, nameBytes)
  if (contradiction) throw malformed(source, 'LOCAL_HEADER', messages.localHeader(entry.name, contradiction))
  const start = entry.headerOffset + bytes.byteLength + view.getUint16(28, true)
  if (start + entry.size > entry.limit)
    throw malformed(source, 'OVERLAP', messages.entryTooLong(entry.name, start + entry.size, entry.limit))
  return start
}

function localContradiction(view: DataView, entry: ZipEntry, name: Buffer): string | undefined {
  if (view.getUint32(0, true) !== LOCAL_SIGNATURE) return messages.noLocalHeader
  if ((view.getUint16(6, true) & ENCRYPTED) !== 0) return messages.localEncrypted
  if (view.getUint16(8, true) !== entry.method) return messages.localMethod
  const size = view.getUint32(22, true)
  if (size !== 0 && size !== SATURATED32 && size !== entry.size) return messages.localSize
  const sameName =
    view.getUint16(26, true) === name.byteLength &&
    name.equals(new Uint8Array(view.buffer, view.byteOffset + LOCAL_BYTES, name.byteLength))
  return sameName ? undefined : messages.localName
}

/**
 * Places of the data of several entries, each from its own local header, as torch's reader finds them. Where every
 * read is a request over a network and the layout is exactly torch's, the directory gives the places away, and only a
 * few local headers are read to confirm them.
 * @returns the byte of the first data byte of each entry
 * @throws what `locateEntry` throws
 */
export async function locateEntries(zip: ZipDirectory, entries: readonly ZipEntry[]): Promise<number[]> {
  return zip.source.costly ? computePlaces(zip, entries) : readPlaces(zip, entries)
}

async function computePlaces(zip: ZipDirectory, entries: readonly ZipEntry[]): Promise<number[]> {
  const step = Math.max(1, Math.floor(entries.length / SAMPLES))
  const samples = entries.filter((_, i) => i % step === 0)
  const found = await readPlaces(zip, samples)
  const confirmed = samples.every(({ aligned }, i) => aligned === undefined || aligned === found[i])
  if (!confirmed) return readPlaces(zip, entries)
  const others = entries.filter(({ aligned }) => aligned === undefined)
  const places = await readPlaces(zip, others)
  let next = 0
  return entries.map(({ aligned }) => aligned ?? places[next++]!)
}

function readPlaces(zip: ZipDirectory, entries: readonly ZipEntry[]): Promise<number[]> {
  return inParallel(entries, PARALLEL_READS, (entry) => locateEntry(zip, entry))
}

/**
 * All bytes of a small stored entry, checked against its CRC-32 if it has one.
 * @throws ZIP_ENTRY_TOO_LARGE, ZIP_CRC (exit 3), and what `locateEntry` throws
 */
export async function readEntry(zip: ZipDirectory, entry: ZipEntry, maxBytes: number): Promise<Uint8Array> {
  const { source } = zip
  if (entry.size > maxBytes)
    throw malformed(source, 'ENTRY_TOO_LARGE', messages.entryTooLarge(entry.name, entry.size, maxBytes))
  const bytes = await source.read(await locateEntry(zip, entry), entry.size)
  if (entry.crc32 !== 0 && crc32(bytes) !== entry.crc32)
    throw malformed(source, 'CRC', messages.checksumMismatch(entry.name))
  return bytes
}
