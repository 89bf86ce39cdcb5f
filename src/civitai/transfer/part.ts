/** A download under way, in `name.part`. */
import { lstat, open, rm } from 'node:fs/promises'
import { cannotWrite, makeFolders } from '../../system/atomic.ts'
import { SdtoolError } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import type { HttpWorld } from '../http/http.ts'
import { blockWriter } from './block-writer.ts'
import { messages } from './messages.ts'
import {
  checkNotBusy,
  isOfSameFile,
  type PartIdentity,
  partForeign,
  partPaths,
  type Remote,
  readNote,
  removeOrphan,
  writeNote,
} from './part-note.ts'
import { openPartWriter, type PartWriter, threadedPartWriter } from './part-writer.ts'

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
      // the note first: a part without one is another program's
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
  if (found === 'foreign') throw partForeign(note)
  if (!info) return undefined
  if (!info.isFile() || found === undefined) throw partForeign(part)
  checkNotBusy(part, found.pid)
  return isOfSameFile(found, identity) ? { size: info.size, remote: found.remote } : undefined
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
