/** A download under way: `name.part`, and next to it `name.part.json`, which says what it is a part of. */

import { lstat, open, readFile, rm } from 'node:fs/promises'
import * as v from 'valibot'
import { cannotWrite, createAtomic, makeFolders } from '../../system/atomic.ts'
import { writeFully } from '../../system/bytes.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import { parseJsonText } from '../../system/json.ts'
import { id, maybe, number, object, read, text } from '../api/tolerant.ts'
import type { HttpWorld } from '../http/http.ts'
import { blockWriter } from './block-writer.ts'
import { messages } from './messages.ts'
import { openPartWriter, type PartWriter, threadedPartWriter } from './part-writer.ts'

/** Which file a part is of. */
export interface PartIdentity {
  readonly versionId?: number
  readonly fileId?: number
  readonly sha256?: string
}

/** What the storage said of it. */
export interface Remote {
  readonly total?: number
  /** Strong ones only: they name exactly these bytes. */
  readonly etag?: string
}

const NOTE_VERSION = 1

/** `name.part.json` */
const noteFile = object({
  version: v.literal(NOTE_VERSION),
  versionId: maybe(id),
  fileId: maybe(id),
  sha256: maybe(text),
  remote: object({ total: maybe(number), etag: maybe(text) }),
  /** Of the process that writes the part. */
  pid: maybe(id),
})
type PartNote = v.InferOutput<typeof noteFile>

export interface PartFile {
  readonly path: string
  /** Bytes received, on disk or on the way there. */
  readonly size: number
  /** Bytes that an earlier run left. */
  readonly inherited: number
  readonly remote: Remote
  /** Remembers what the storage said, for this run and the next. */
  describe(remote: Remote): Promise<void>
  /** A promise only where the next ones must wait. */
  write(chunk: Uint8Array): Promise<void> | undefined
  /** Discards what is there. */
  restart(): Promise<void>
  /** All bytes are with the operating system. */
  drain(): Promise<void>
  /** They are on disk, and survive a loss of power. */
  sync(): Promise<void>
  /** Of all bytes received. */
  hashes(): Promise<Hashes>
  close(): Promise<void>
  /** Closes it, unless it is closed, and keeps what is there for the next run. Of nothing it keeps no trace. */
  leave(): Promise<void>
  /** Leaves nothing. */
  remove(): Promise<void>
}

/** Large enough to be worth handing over, small enough to stay in the processor's cache. */
const BLOCK_BYTES = 256 * 1024
/** What is there already is read in pieces of this size. */
const ADOPT_BYTES = 4 * 1024 * 1024
/** Below this a thread takes longer to start than it saves. */
const MIN_THREADED_BYTES = 32 * 1024 * 1024
/** A piece as it comes from the network. */
const MIN_BLOCK_BYTES = 64 * 1024

/** The names of a part of `target`. */
export function partPaths(target: string): { readonly part: string; readonly note: string } {
  return { part: `${target}.part`, note: `${target}.part.json` }
}

/** Where a file is kept that was received whole, but is damaged, dangerous, or not what its name says. */
export function quarantinePath(target: string, kind: 'unsafe' | 'broken'): string {
  return `${target}.${kind}`
}

/** Every name that a download of `target` may write. */
export function partNames(target: string): readonly string[] {
  const { part, note } = partPaths(target)
  return [target, part, note, quarantinePath(target, 'unsafe'), quarantinePath(target, 'broken')]
}

/**
 * Opens the part of an earlier run, or starts one. What is there is hashed first: those bytes are in the result.
 * @throws PART_FOREIGN for a `.part` of another program, PART_BUSY (exit 2); DISK_FULL (exit 1); what `cannotWrite` makes and
 *   `makeFolders` throws; the reason of the signal
 */
export async function openPart(
  target: string,
  identity: PartIdentity,
  only: readonly HashName[],
  expectedBytes: number | undefined,
  { signal, partThread }: Pick<HttpWorld, 'signal' | 'partThread'>,
): Promise<PartFile> {
  const { part, note } = partPaths(target)
  const found = (await existing(part, note, identity)) ?? { size: 0, remote: {} }
  const folders = await makeFolders(target)
  try {
    await guarded(target, async () => {
      // the note first: a part without one is somebody else's
      await writeNote(note, identity, found.remote, process.pid)
      await (await open(part, found.size > 0 ? 'r+' : 'w+')).close()
    })
  } catch (error) {
    await removeOrphan(target)
    await folders.remove()
    throw error
  }
  const isLarge = expectedBytes === undefined || expectedBytes >= MIN_THREADED_BYTES
  const setup = { path: part, only }
  const writer = isLarge && partThread ? threadedPartWriter(setup, partThread) : await openPartWriter(setup)
  try {
    await adoptStored(writer, found.size, signal)
  } catch (error) {
    await writer.close()
    throw error
  }
  const blockBytes = Math.min(BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, expectedBytes ?? BLOCK_BYTES))
  return partFile({ target, writer, identity, blockBytes, found, folders })
}

/** In pieces, so that a large file can be interrupted. */
async function adoptStored(writer: PartWriter, size: number, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < size; at += ADOPT_BYTES) {
    signal.throwIfAborted()
    await writer.adopt(at, Math.min(ADOPT_BYTES, size - at))
  }
}

interface Found {
  readonly size: number
  readonly remote: Remote
}

/** The part of the same file; undefined if there is none, or one of another file, which is of no use any more. */
async function existing(part: string, note: string, identity: PartIdentity): Promise<Found | undefined> {
  const info = await lstat(part).catch(() => undefined)
  const found = await readNote(note)
  if (found === 'foreign') throw foreign(note)
  if (!info) return undefined
  if (!info.isFile() || found === undefined) throw foreign(part)
  checkNotBusy(part, found.pid)
  return isOfSameFile(found, identity) ? { size: info.size, remote: found.remote } : undefined
}

function isOfSameFile({ sha256, versionId, fileId }: PartNote, identity: PartIdentity): boolean {
  return identity.sha256 !== undefined && sha256 !== undefined
    ? sha256 === identity.sha256
    : versionId === identity.versionId && fileId === identity.fileId
}

/** Notes are short; a longer file is somebody else's. */
const MAX_NOTE_BYTES = 64 * 1024

/** A note of ours; undefined if there is none. */
async function readNote(note: string): Promise<PartNote | undefined | 'foreign'> {
  const info = await lstat(note).catch(() => undefined)
  if (!info) return undefined
  if (!info.isFile() || info.size > MAX_NOTE_BYTES) return 'foreign'
  return read(noteFile, parseJsonText(await readFile(note, 'utf8').catch(() => ''))) ?? 'foreign'
}

/** Removes a note whose part is gone. Never throws. */
export async function removeOrphan(target: string): Promise<void> {
  const { part, note } = partPaths(target)
  if (await lstat(part).catch(() => undefined)) return
  const found = await readNote(note)
  if (found === undefined || found === 'foreign' || isAlive(found.pid)) return
  await rm(note, { force: true }).catch(() => {})
}

/** Two writers would spoil each other's part. @throws PART_BUSY (exit 2) */
function checkNotBusy(part: string, pid: number | undefined): void {
  if (!isAlive(pid)) return
  throw new SdtoolError('PART_BUSY', messages.partBusy(part, pid), {
    exitCode: EXIT.usage,
    hint: messages.waitOrRemoveNote(`${part}.json`),
  })
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // it exists, but belongs to another user
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function foreign(part: string): SdtoolError {
  return new SdtoolError('PART_FOREIGN', messages.partForeign(part), {
    exitCode: EXIT.usage,
    hint: messages.anotherProgram,
  })
}

/** @param pid of the process, while it writes the part */
async function writeNote(note: string, identity: PartIdentity, remote: Remote, pid?: number): Promise<void> {
  const json = JSON.stringify({ version: NOTE_VERSION, ...identity, remote, pid }, null, 2)
  const bytes = Buffer.from(`${json}\n`)
  const file = await createAtomic(note, {
    force: true,
    temporary: true,
    bytes: bytes.byteLength,
    inputs: [],
  })
  try {
    await writeFully(file.handle, bytes)
    await file.commit()
  } catch (error) {
    await file.abort()
    throw error
  }
}

interface Opened {
  readonly target: string
  readonly writer: PartWriter
  readonly identity: PartIdentity
  readonly blockBytes: number
  readonly found: Found
  /** Those that were made for it. */
  readonly folders: { remove(): Promise<void> }
}

function partFile({ target, writer, identity, blockBytes, found, folders }: Opened): PartFile {
  const { part, note } = partPaths(target)
  let { remote } = found
  let inherited = found.size
  let closed = false
  const blocks = blockWriter(writer.take, found.size, blockBytes)
  const drain = () => guarded(target, blocks.drain)
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await drain().catch(() => {})
    await writer.close()
    await writeNote(note, identity, remote).catch(() => {})
  }
  const clear = async (): Promise<void> => {
    await rm(part, { force: true })
    await rm(note, { force: true })
    await folders.remove()
  }
  return {
    path: part,
    get size() {
      return blocks.size
    },
    get inherited() {
      return inherited
    },
    get remote() {
      return remote
    },
    async describe(next) {
      if (next.total === remote.total && next.etag === remote.etag) return
      remote = next
      await guarded(target, () => writeNote(note, identity, remote, process.pid))
    },
    write(chunk) {
      const wait = blocks.write(chunk)
      return wait && guarded(target, () => wait)
    },
    async restart() {
      await blocks.rewind()
      await guarded(target, writer.restart)
      inherited = 0
      remote = {}
    },
    drain,
    async sync() {
      await drain()
      await guarded(target, writer.sync)
    },
    hashes: writer.digest,
    close,
    async leave() {
      if (closed) return
      await close()
      if (blocks.size === 0) await clear()
    },
    async remove() {
      await close()
      await clear()
    },
  }
}

/** Errors of the disk in words: unlike in commands that write a file anew, what was received so far stays. */
async function guarded<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cannotWrite(target, cause as NodeJS.ErrnoException)
    throw new SdtoolError('DISK_FULL', messages.diskFull(target, code), {
      cause,
      hint: messages.freeSpaceAndRunAgain,
    })
  }
}
