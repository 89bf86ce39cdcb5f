/** torch.save since 1.6: a zip archive with the object in `<name>/data.pkl` and the storages in `<name>/data/<key>`. */

import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import type { Finding, ModelFile } from '../values/table.ts'
import type { Format } from './format.ts'
import { messages } from './pickle-messages.ts'
import type { PyValue } from './pickle-values.ts'
import { storageFinder } from './plain-values.ts'
import { newPickleScan, readPickle, refuseTrailing, requireSafe } from './security.ts'
import { modelOf, type PickledObject, type StoragePlace } from './torch-objects.ts'
import { readZipDirectory, type ZipDirectory, type ZipEntry } from './zip-directory.ts'
import { locateEntries, readEntry } from './zip-entries.ts'

/** The data.pkl of SD 1.5 with EMA has 0.3 MB, of a checkpoint with optimizer 1 MB. It is read in one piece. */
export const MAX_PICKLE_BYTES = 100_000_000
const MAX_BYTEORDER_BYTES = 16
const DATA_PKL = 'data.pkl'

/** Archives of torch.jit.save, three generations. Their code would have to be run. */
const TORCHSCRIPT = /^[^/]+\/(code\/|constants\.pkl$|model\.json$|attributes\.pkl$)/

function notTorch(source: ByteSource, names: readonly string[]): Error {
  const { path } = source.file
  if (names.some((name) => TORCHSCRIPT.test(name)))
    return refuse('TORCHSCRIPT', messages.torchScript(path), messages.saveStateDict)
  if (names.length > 0 && names.every((name) => name.endsWith('.npy')))
    return refuse('NOT_A_MODEL', messages.numpyArrays(path))
  const shown = names.slice(0, 3).map((name) => quoted(name))
  return refuse(
    'NOT_A_MODEL',
    messages.notATorchZip(path, names.length, shown.join(', ')),
    messages.unpackModels,
  )
}

/** The one `<name>/data.pkl`. */
function findPickle({ source, entries }: ZipDirectory): { prefix: string; pickle: ZipEntry } {
  const names = [...entries.keys()]
  if (names.some((name) => TORCHSCRIPT.test(name))) throw notTorch(source, names)
  const pickles = names.filter((name) => name.split('/')[1] === DATA_PKL && name.split('/').length === 2)
  if (pickles.length === 0) throw notTorch(source, names)
  const prefix = pickles[0]!.slice(0, -DATA_PKL.length)
  const stray = names.find((name) => !name.startsWith(prefix))
  if (stray !== undefined)
    throw refuse(
      'TORCH_ZIP_LAYOUT',
      messages.entryOutside(source.file.path, stray, prefix),
      messages.oneFolder,
    )
  const compressed = [...entries.values()].find(({ method }) => method !== 0)
  if (compressed)
    throw refuse(
      'ZIP_COMPRESSED',
      messages.entryCompressed(source.file.path, compressed.name, compressed.method),
      messages.repacked,
    )
  return { prefix, pickle: entries.get(pickles[0]!)! }
}

async function readByteOrder(zip: ZipDirectory, prefix: string): Promise<boolean> {
  const entry = zip.entries.get(`${prefix}byteorder`)
  if (!entry) return false
  const text = Buffer.from(await readEntry(zip, entry, MAX_BYTEORDER_BYTES)).toString('latin1')
  if (text === 'little' || text === 'big') return text === 'big'
  throw refuse('TORCH_ZIP_LAYOUT', messages.byteOrder(zip.source.file.path, text))
}

/**
 * The object of a torch zip archive.
 * @throws what `readZipDirectory` and `readPickle` throw; TORCHSCRIPT, NOT_A_MODEL, TORCH_ZIP_LAYOUT, ZIP_COMPRESSED (exit 3)
 */
export async function readTorchZip(source: ByteSource): Promise<PickledObject> {
  const zip = await readZipDirectory(source)
  const { prefix, pickle } = findPickle(zip)
  const bytes = await readEntry(zip, pickle, MAX_PICKLE_BYTES)
  const scan = newPickleScan(`${source.file.path}: ${quoted(pickle.name)}`, source.pause)
  const { value, end } = await readPickle(scan, bytes)
  await refuseTrailing(scan, bytes, end)
  const storages = storageEntries(zip, prefix)
  // those of entries that nothing uses, too: a header that contradicts the directory is not an accident
  const places = source.costly ? undefined : await placesOf(zip, [...zip.entries.values()])
  return {
    file: source.file,
    format: 'torch-zip',
    where: scan.where,
    root: value,
    pickleBytes: bytes.byteLength,
    security: requireSafe(scan),
    bigEndian: await readByteOrder(zip, prefix),
    findings: unusedFindings(zip, prefix, value),
    storageBytes: (key) => storages.get(key)?.size,
    ...(places && { checksums: checksumsOf(places) }),
    locate: async (keys) => {
      const entries = keys.map((key) => storages.get(key)!)
      const found = places ?? (await placesOf(zip, entries))
      return new Map(keys.map((key, i) => [key, found.get(entries[i]!)!]))
    },
  }
}

async function placesOf(
  zip: ZipDirectory,
  entries: readonly ZipEntry[],
): Promise<Map<ZipEntry, StoragePlace>> {
  const places = await locateEntries(zip, entries)
  return new Map(entries.map((entry, i) => [entry, placeOf(zip, entry, places[i]!)]))
}

function placeOf({ source: { file } }: ZipDirectory, entry: ZipEntry, offset: number): StoragePlace {
  const { name, size: bytes, crc32 } = entry
  // where torch computed no checksum it writes 0
  return crc32 === 0 ? { offset } : { offset, sum: { file, name, offset, bytes, crc32 } }
}

function checksumsOf(places: ReadonlyMap<ZipEntry, StoragePlace>): NonNullable<ModelFile['checksums']> {
  const stated = [...places.values()].flatMap(({ sum }) => sum ?? [])
  const without = [...places].filter(([{ size }, { sum }]) => size > 0 && sum === undefined).length
  return { stated, without }
}

/** What torch writes beside the pickle and the storages; it reads `version` and `byteorder`. */
const RECORDS: ReadonlySet<string> = new Set([
  DATA_PKL,
  'version',
  'byteorder',
  '.format_version',
  '.storage_alignment',
  '.data/serialization_id',
])
/** Unused entries that a message names. */
const NAMED = 5

/** Entries that no reader of the model looks at: who wrote them had something else in mind. */
function unusedFindings({ entries }: ZipDirectory, prefix: string, root: PyValue): Finding[] {
  const used = new Set(storageFinder(new Set())(root).map((key) => `${prefix}data/${key}`))
  const unused = [...entries.values()].filter(
    ({ name }) => !used.has(name) && !RECORDS.has(name.slice(prefix.length)) && !name.endsWith('/'),
  )
  if (unused.length === 0) return []
  const names = unused.slice(0, NAMED).map(({ name, size }) => messages.entryWithSize(name, size))
  const message = messages.unusedEntries(names, unused.length - names.length)
  const bytes = unused.reduce((sum, { size }) => sum + size, 0)
  return [{ code: 'unused-entries', severity: 'warning', message, bytes }]
}

/** Members `data/<key>` by their key. */
function storageEntries({ entries }: ZipDirectory, prefix: string): Map<string, ZipEntry> {
  const folder = `${prefix}data/`
  const storages = new Map<string, ZipEntry>()
  for (const [name, entry] of entries) {
    if (name.startsWith(folder)) storages.set(name.slice(folder.length), entry)
  }
  return storages
}

async function open(source: ByteSource): Promise<ModelFile> {
  return modelOf(await readTorchZip(source))
}

/** Local header, or the end record of an empty archive. */
function matches(head: Uint8Array): boolean {
  return (
    head[0] === 0x50 &&
    head[1] === 0x4b &&
    ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))
  )
}

export const torchZipFormat: Format = { id: 'torch-zip', title: 'torch zip', matches, open }
