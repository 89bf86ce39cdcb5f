/**
 * torch.save before 1.6: five pickles back to back (magic number, protocol version, system info, the object, the list
 * of storage keys), then for each key its element count (i64) and its bytes.
 * Source: torch `serialization.py`, `_legacy_save` and `_legacy_load`.
 */

import type { ByteSource } from '../../system/bytes.ts'
import { refuse } from '../../system/errors.ts'
import { inParallel, PARALLEL_READS } from '../../system/parallel.ts'
import { dtypeInfo } from '../values/dtype.ts'
import type { Finding, ModelFile, SecurityReport } from '../values/table.ts'
import type { Format } from './format.ts'
import { messages } from './pickle-messages.ts'
import { isNode, mapping, type PyPersistent, type PyValue, sequence } from './pickle-values.ts'
import { childrenOf } from './plain-values.ts'
import { newPickleScan, readPickle, requireSafe } from './security.ts'
import { modelOf, type PickledObject } from './torch-objects.ts'
import { storageOf } from './torch-storage.ts'
import { MAX_PICKLE_BYTES } from './torch-zip.ts'

/** PROTO 2, LONG1 of the ten bytes of 0x1950a86a20f9469cfc6c, STOP. */
const MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
const PROTOCOL_VERSION = 1001
const COUNT_BYTES = 8 // i64 LE element count before each storage
/** First part of the file to be read; it holds the pickles of all but huge models. */
const FIRST_WINDOW = 1024 * 1024
const WINDOW_GROWTH = 8

interface Pickles {
  readonly security: SecurityReport
  readonly littleEndian: boolean
  readonly root: PyValue
  readonly keys: readonly string[]
  /** Byte where the storages begin. */
  readonly end: number
}

function malformed(source: ByteSource, detail: string): Error {
  return refuse('TORCH_LEGACY', `${source.file.path}: ${detail}`, messages.notByTorch)
}

/** Reads the five pickles, from a larger piece of the file if they do not end in this one. */
async function readPickles(source: ByteSource, window: number): Promise<Pickles> {
  const { size } = source.file
  const bytes = await source.read(0, Math.min(window, size))
  try {
    return await parsePickles(source, bytes)
  } catch (error) {
    const cut = (error as { code?: unknown }).code === 'PICKLE_TRUNCATED' && bytes.byteLength < size
    if (!cut || window >= MAX_PICKLE_BYTES) throw error
    return readPickles(source, Math.min(window * WINDOW_GROWTH, MAX_PICKLE_BYTES))
  }
}

async function parsePickles(source: ByteSource, bytes: Uint8Array): Promise<Pickles> {
  const scan = newPickleScan(source.file.path, source.pause)
  let at = MAGIC.length
  const next = async () => {
    const { value, end } = await readPickle(scan, bytes, at)
    at = end
    return value
  }
  const [version, info, root, keyList] = [await next(), await next(), await next(), await next()]
  const security = requireSafe(scan)
  if (version !== PROTOCOL_VERSION) throw malformed(source, messages.legacyVersion(PROTOCOL_VERSION))
  const keys = sequence(keyList)
  if (!keys?.every((key) => typeof key === 'string')) throw malformed(source, messages.badStorageList)
  if (new Set(keys).size !== keys.length) throw malformed(source, messages.storageListedTwice)
  const littleEndian = mapping(info)?.get('little_endian') !== false
  return { security, littleEndian, root, keys: keys as string[], end: at }
}

interface StorageRecord {
  readonly count: number
  readonly itemSize: number
}

/** Element counts and sizes of all root storages, from the tensors that use them. */
function storageRecords(where: string, root: PyValue): Map<string, StorageRecord> {
  const records = new Map<string, StorageRecord>()
  for (const node of persistentNodes(root)) {
    const { key, dtype, nbytes } = storageOf(where, node)
    const itemSize = dtypeInfo(dtype).bytes
    const record = { count: nbytes / itemSize, itemSize }
    const known = records.get(key)
    if (known && (known.count !== record.count || known.itemSize !== itemSize))
      throw refuse('TORCH_STORAGE', messages.storageTwoWays(where, key))
    records.set(key, record)
  }
  return records
}

function* persistentNodes(root: PyValue): Iterable<PyPersistent> {
  const seen = new Set<PyValue>()
  const open: PyValue[] = [root]
  while (open.length > 0) {
    const next = open.pop()!
    if (!isNode(next) || seen.has(next)) continue
    seen.add(next)
    if (next.kind === 'persistent' && sequence(next.id)?.[0] !== 'module') yield next
    for (const child of childrenOf(next)) open.push(child)
  }
}

interface RecordPlace {
  readonly offset: number
  readonly nbytes: number
}

/** Walks the records behind the pickles. @throws TORCH_LEGACY, FILE_TRUNCATED (exit 3) */
async function placeStorages(
  source: ByteSource,
  pickles: Pickles,
): Promise<{ places: Map<string, RecordPlace>; end: number }> {
  const records = storageRecords(source.file.path, pickles.root)
  const places = new Map<string, RecordPlace>()
  let at = pickles.end
  for (const key of pickles.keys) {
    const record = records.get(key)
    if (!record) throw malformed(source, messages.unusedStorage(key))
    const nbytes = record.count * record.itemSize
    places.set(key, { offset: at + COUNT_BYTES, nbytes })
    at += COUNT_BYTES + nbytes
  }
  if (at > source.file.size)
    throw refuse(
      'FILE_TRUNCATED',
      messages.storagesBeyondFile(source.file.path, source.file.size, at),
      messages.downloadAgain,
    )
  await inParallel(checkedPlaces([...places], source), PARALLEL_READS, ([key, place]) =>
    checkCount(source, key, place, records.get(key)!),
  )
  return { places, end: at }
}

/** Of a file on a server. */
const SAMPLES = 8

/** A storage of another size moves all that follow it: some, and the last one, tell whether the places are right. */
function checkedPlaces<T>(places: readonly T[], { costly = false }: ByteSource): readonly T[] {
  if (!costly) return places
  const step = Math.max(1, Math.ceil(places.length / SAMPLES))
  return places.filter((_, i) => i % step === 0 || i === places.length - 1)
}

async function checkCount(
  source: ByteSource,
  key: string,
  place: RecordPlace,
  { count }: StorageRecord,
): Promise<void> {
  const bytes = await source.read(place.offset - COUNT_BYTES, COUNT_BYTES)
  const found = new DataView(bytes.buffer, bytes.byteOffset, COUNT_BYTES).getBigInt64(0, true)
  if (found !== BigInt(count)) throw malformed(source, messages.storageCount(key, found, count))
}

/**
 * The object of a legacy stream.
 * @throws what `readPickle` throws; TORCH_LEGACY, TORCH_STORAGE, FILE_TRUNCATED (exit 3)
 */
export async function readTorchLegacy(source: ByteSource): Promise<PickledObject> {
  const pickles = await readPickles(source, FIRST_WINDOW)
  const { places, end } = await placeStorages(source, pickles)
  const trailing = source.file.size - end
  const message = messages.bytesAfterStorages(trailing)
  const findings: Finding[] =
    trailing > 0 ? [{ code: 'trailing-bytes', severity: 'warning', message, bytes: trailing }] : []
  return {
    file: source.file,
    format: 'torch-legacy',
    where: source.file.path,
    root: pickles.root,
    pickleBytes: pickles.end,
    security: pickles.security,
    bigEndian: !pickles.littleEndian,
    findings,
    storageBytes: (key) => places.get(key)?.nbytes,
    locate: async (keys) => new Map(keys.map((key) => [key, { offset: places.get(key)!.offset }])),
  }
}

async function open(source: ByteSource): Promise<ModelFile> {
  return modelOf(await readTorchLegacy(source))
}

export const torchLegacyFormat: Format = {
  id: 'torch-legacy',
  title: 'torch legacy',
  matches: (head) => MAGIC.every((byte, i) => head[i] === byte),
  open,
}
