/**
 * The hashes people know model files by, in one pass over the file. Definitions: A1111 `modules/hashes.py` and
 * `sd_models.py` (AutoV1, AutoV2), kohya additional networks (AutoV3), Civitai's scanner where they leave a case open.
 */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

const HASH_NAMES = ['sha256', 'autoV1', 'autoV2', 'autoV3', 'crc32', 'blake3'] as const
export type HashName = (typeof HASH_NAMES)[number]

/** Lower-case hex. `autoV1`: 8 digits, `autoV2`: 10, `autoV3`: 64 (Civitai and A1111 show the first 12). */
export type Hashes = Partial<Record<HashName, string>>

export interface HashOptions {
  /** All when missing. */
  readonly only?: readonly HashName[]
  readonly signal?: AbortSignal
  onProgress?(doneBytes: number, totalBytes: number): void
}

const CHUNK_BYTES = 4 * 1024 * 1024
/** AutoV1: 64 KiB from 1 MiB on; of a shorter file, what is there. */
const AUTOV1_START = 0x100000
const AUTOV1_END = 0x110000
/** The u64 length that a safetensors file begins with; AutoV3 is defined by it, whatever the file. */
const LENGTH_BYTES = 8
/** A longer header makes Civitai treat the file as one without header. */
const AUTOV3_MAX_HEADER = 16 * 1024 * 1024

/** Takes the file's bytes in order, `start` being the offset of `chunk`, and gives hashes at the end. */
interface Sink {
  update(chunk: Uint8Array, start: number): void
  digest(): Hashes
}

/** Hashes the file at `path`. Reads it once, in chunks of 4 MiB. */
export function hashFile(path: string, options: HashOptions = {}): Promise<Hashes> {
  return hashJoined([path], options)
}

/** Hashes of the bytes of several files, one behind the other. */
export async function hashJoined(paths: readonly string[], options: HashOptions = {}): Promise<Hashes> {
  const wanted = new Set(options.only ?? HASH_NAMES)
  const sinks = await sinksFor(wanted)
  const end = wanted.size === 1 && wanted.has('autoV1') ? AUTOV1_END : Number.POSITIVE_INFINITY
  let before = 0
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const all = sizes.reduce((sum, size) => sum + size, 0)
  for (const path of paths) {
    if (before >= end) break
    before += await hashInto(sinks, path, { ...options, before, all: Math.min(all, end), end })
  }
  return Object.assign({}, ...sinks.map((sink) => sink.digest())) as Hashes
}

interface Feeding extends Pick<HashOptions, 'signal' | 'onProgress'> {
  /** Bytes of the files in front of this one, and of all. */
  readonly before: number
  readonly all: number
  /** Nothing wants the bytes behind. */
  readonly end: number
}

/** Gives the size of the file. */
async function hashInto(sinks: readonly Sink[], path: string, feeding: Feeding): Promise<number> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    await feed(handle, Math.min(size, feeding.end - feeding.before), sinks, feeding)
    return size
  } finally {
    await handle.close()
  }
}

/** Hashes of bytes that come by in order. */
export interface RunningHash {
  update(chunk: Uint8Array): void
  /** Of all bytes so far; may be called once. */
  digest(): Hashes
}

/** Starts hashing what is not a file yet: a download, as it comes in. */
export async function startHash(only: readonly HashName[]): Promise<RunningHash> {
  const sinks = await sinksFor(new Set(only))
  let position = 0
  return {
    update(chunk) {
      for (const sink of sinks) sink.update(chunk, position)
      position += chunk.byteLength
    },
    digest: () => Object.assign({}, ...sinks.map((sink) => sink.digest())) as Hashes,
  }
}

/** Where AutoV3 begins: after the header of a safetensors file; at byte 8 of anything else, as Civitai does. */
function dataStart(head: Uint8Array): number {
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true)
  return LENGTH_BYTES + (length < BigInt(AUTOV3_MAX_HEADER) ? Number(length) : 0)
}

async function sinksFor(wanted: ReadonlySet<HashName>): Promise<Sink[]> {
  const sinks: Sink[] = []
  if (wanted.has('sha256') || wanted.has('autoV2')) sinks.push(wholeFile(wanted))
  if (wanted.has('autoV1')) {
    sinks.push(rangeSink(AUTOV1_START, AUTOV1_END, (hex) => ({ autoV1: hex.slice(0, 8) })))
  }
  if (wanted.has('autoV3')) sinks.push(autoV3Sink())
  if (wanted.has('crc32')) sinks.push(crcSink())
  if (wanted.has('blake3')) sinks.push(await blake3Sink())
  return sinks
}

function wholeFile(wanted: ReadonlySet<HashName>): Sink {
  return rangeSink(0, Number.POSITIVE_INFINITY, (hex) => ({
    ...(wanted.has('sha256') ? { sha256: hex } : {}),
    ...(wanted.has('autoV2') ? { autoV2: hex.slice(0, 10) } : {}),
  }))
}

/** SHA-256 of the bytes [from, to). */
function rangeSink(from: number, to: number, name: (hex: string) => Hashes): Sink {
  const hash: Hash = createHash('sha256')
  return {
    update(chunk, start) {
      const first = Math.max(from - start, 0)
      const last = Math.min(to - start, chunk.byteLength)
      if (first < last) hash.update(chunk.subarray(first, last))
    },
    digest: () => name(hash.digest('hex')),
  }
}

/** Where it begins stands in the first bytes. A file that ends before them has nothing behind. */
function autoV3Sink(): Sink {
  const head = new Uint8Array(LENGTH_BYTES)
  const from = (start: number) => rangeSink(start, Number.POSITIVE_INFINITY, (hex) => ({ autoV3: hex }))
  let sink: Sink | undefined
  return {
    update(chunk, start) {
      if (start < LENGTH_BYTES) head.set(chunk.subarray(0, LENGTH_BYTES - start), start)
      if (start + chunk.byteLength < LENGTH_BYTES) return
      sink ??= from(dataStart(head))
      sink.update(chunk, start)
    },
    digest: () => (sink ?? from(LENGTH_BYTES)).digest(),
  }
}

function crcSink(): Sink {
  let value = 0
  return {
    update(chunk) {
      value = crc32(chunk, value)
    },
    digest: () => ({ crc32: value.toString(16).padStart(8, '0') }),
  }
}

async function blake3Sink(): Promise<Sink> {
  const { createBLAKE3 } = await import('./blake3.ts')
  const hash = await createBLAKE3()
  return { update: (chunk) => hash.update(chunk), digest: () => ({ blake3: hash.digest('hex') }) }
}

/** Feeds the first `size` bytes. Reads ahead by one chunk while the sinks work on the one before. */
async function feed(
  handle: FileHandle,
  size: number,
  sinks: readonly Sink[],
  { before, all, signal, onProgress }: Feeding,
): Promise<void> {
  const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const
  const readAt = async (position: number, which: number): Promise<number> => {
    const length = Math.min(CHUNK_BYTES, size - position)
    if (length <= 0) return 0
    return (await handle.read(buffers[which & 1]!, 0, length, position)).bytesRead
  }
  let position = 0
  let turn = 0
  let next = readAt(0, turn)
  for (let count = await next; count > 0; count = await next) {
    signal?.throwIfAborted()
    const chunk = buffers[turn & 1]!.subarray(0, count)
    turn++
    next = readAt(position + count, turn)
    for (const sink of sinks) sink.update(chunk, before + position)
    position += count
    onProgress?.(before + position, all)
  }
}
