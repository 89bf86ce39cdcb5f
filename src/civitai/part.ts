/** A download under way: `name.part`, and beside it `name.part.json`, which says what it is a part of. */
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EXIT, SdtoolError } from '../errors.ts'
import { cannotWrite } from '../tensor/atomic.ts'
import { readExactly } from '../tensor/bytes.ts'
import { type Hashes, type RunningHash, startHash } from '../tensor/hash.ts'
import { threadedHash } from '../tensor/hash-thread.ts'
import { blockWriter } from './block-writer.ts'
import type { World } from './http.ts'
import { field, idField, numberField, parseJson, textField } from './json.ts'

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
  /** Throws away what is there. */
  restart(): Promise<void>
  /** All bytes are with the operating system. */
  drain(): Promise<void>
  /** They are on disk, and survive a loss of power. */
  sync(): Promise<void>
  /** Of all bytes received. */
  hashes(): Promise<Hashes>
  /** Keeps what is there for the next run. */
  close(): Promise<void>
  /** Leaves nothing. */
  remove(): Promise<void>
}

/** Large enough for the disk and the hash to run at full speed, small enough for dozens of downloads. */
const BLOCK_BYTES = 1024 * 1024
/** A piece as it comes from the network. */
const MIN_BLOCK_BYTES = 64 * 1024

export type PartHash = 'sha256' | 'blake3' | 'crc32'

/** The names of a part of `target`. */
export function partPaths(target: string): { readonly part: string; readonly note: string } {
  return { part: `${target}.part`, note: `${target}.part.json` }
}

/**
 * Opens the part of an earlier run, or starts one. What is there is hashed first: those bytes are in the result.
 * @throws PART_FOREIGN for a `.part` of another program; DISK_FULL, OUTPUT_FOLDER
 */
export async function openPart(
  target: string,
  identity: PartIdentity,
  only: readonly PartHash[],
  expectedBytes: number | undefined,
  { signal, hasher }: Pick<World, 'signal' | 'hasher'>,
): Promise<PartFile> {
  const { part, note } = partPaths(target)
  const found = await existing(part, note, identity)
  const handle = await guarded(target, async () => {
    await mkdir(dirname(target), { recursive: true })
    // the note first: a part without one is somebody else's
    await writeNote(note, identity, found?.remote ?? {}, process.pid)
    return open(part, found ? 'r+' : 'w+')
  })
  const newHash = hashStarter(only, expectedBytes, hasher)
  const hash = await newHash()
  try {
    await hashStored(handle, part, found?.size ?? 0, hash, signal)
  } catch (error) {
    await hash.close()
    await handle.close()
    throw error
  }
  const blockBytes = Math.min(BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, expectedBytes ?? BLOCK_BYTES))
  return partFile({
    target,
    handle,
    identity,
    newHash,
    blockBytes,
    found: found ?? { size: 0, remote: {} },
    hash,
  })
}

interface Found {
  readonly size: number
  readonly remote: Remote
}

/** The part of the same file; undefined if there is none, or one of another file, which has no use any more. */
async function existing(part: string, note: string, identity: PartIdentity): Promise<Found | undefined> {
  const info = await stat(part).catch(() => undefined)
  if (!info) return undefined
  const json = parseJson(await readFile(note, 'utf8').catch(() => ''))
  if (!info.isFile() || numberField(json, 'version') !== NOTE_VERSION) throw foreign(part)
  checkNotBusy(part, idField(json, 'pid'))
  const sha256 = textField(json, 'sha256')
  const same =
    identity.sha256 !== undefined && sha256 !== undefined
      ? sha256 === identity.sha256
      : idField(json, 'versionId') === identity.versionId && idField(json, 'fileId') === identity.fileId
  if (!same) return undefined
  const remote = field(json, 'remote')
  const total = numberField(remote, 'total')
  const etag = textField(remote, 'etag')
  return {
    size: info.size,
    remote: { ...(total === undefined ? {} : { total }), ...(etag === undefined ? {} : { etag }) },
  }
}

/** Two writers of one part would spoil it for both. */
function checkNotBusy(part: string, pid: number | undefined): void {
  if (pid === undefined || pid === process.pid || !isAlive(pid)) return
  throw new SdtoolError('PART_BUSY', `${part} is being downloaded by another sdtool (process ${pid})`, {
    exitCode: EXIT.usage,
    hint: `Wait for it, or end it. If there is none, remove ${part}.json.`,
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // it is there, but somebody else's
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function foreign(part: string): SdtoolError {
  return new SdtoolError('PART_FOREIGN', `${part} is there already, and not from sdtool`, {
    exitCode: EXIT.usage,
    hint: 'Another program may be downloading this file. Move it away, or download to another folder.',
  })
}

/** While a process writes the part, its number stands there. */
async function writeNote(note: string, identity: PartIdentity, remote: Remote, pid?: number): Promise<void> {
  const text = JSON.stringify({ version: NOTE_VERSION, ...identity, remote, pid }, null, 2)
  await writeFile(`${note}.new`, `${text}\n`)
  await rename(`${note}.new`, note)
}

/** Below this a thread takes longer to start than it saves. */
const MIN_THREADED_BYTES = 32 * 1024 * 1024

function hashStarter(only: readonly PartHash[], bytes: number | undefined, script: URL | undefined) {
  const small = bytes !== undefined && bytes < MIN_THREADED_BYTES
  return async (): Promise<RunningHash> =>
    small || script === undefined ? startHash(only) : threadedHash(only, script)
}

/** Reads one block while the one before is hashed. */
async function hashStored(
  handle: FileHandle,
  path: string,
  size: number,
  hash: RunningHash,
  signal: AbortSignal,
): Promise<void> {
  const bytes = Math.min(BLOCK_BYTES, size)
  let [block, spare] = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(bytes))) as [
    Uint8Array,
    Uint8Array,
  ]
  let hashed = Promise.resolve()
  for (let at = 0; at < size; at += bytes) {
    signal.throwIfAborted()
    const piece = block.subarray(0, Math.min(bytes, size - at))
    await readExactly(handle, path, piece, at)
    await hashed
    hashed = hash.update(piece)
    ;[block, spare] = [spare, block]
  }
  await hashed
}

interface Opened {
  readonly target: string
  readonly handle: FileHandle
  readonly identity: PartIdentity
  readonly newHash: () => Promise<RunningHash>
  readonly blockBytes: number
  readonly found: Found
  readonly hash: RunningHash
}

function partFile({ target, handle, identity, newHash, blockBytes, found, hash: first }: Opened): PartFile {
  const { part, note } = partPaths(target)
  let hash = first
  let { remote } = found
  let inherited = found.size
  let closed = false
  const writer = blockWriter(handle, found.size, blockBytes, (bytes) => hash.update(bytes))
  const drain = () => guarded(target, writer.drain)
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await drain().catch(() => {})
    await hash.close()
    await handle.close()
    await writeNote(note, identity, remote).catch(() => {})
  }
  return {
    path: part,
    get size() {
      return writer.size
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
      const wait = writer.write(chunk)
      return wait && guarded(target, () => wait)
    },
    async restart() {
      await writer.rewind()
      await guarded(target, () => handle.truncate(0))
      await hash.close()
      hash = await newHash()
      inherited = 0
      remote = {}
    },
    drain,
    async sync() {
      await drain()
      await guarded(target, () => handle.sync())
    },
    hashes: () => hash.digest(),
    close,
    async remove() {
      await close()
      await rm(part, { force: true })
      await rm(note, { force: true })
    },
  }
}

/** Errors of the disk in words. What was received so far stays, other than for commands that write a file anew. */
async function guarded<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cannotWrite(target, cause as NodeJS.ErrnoException)
    throw new SdtoolError('DISK_FULL', `${target}: the disk is full (${code})`, {
      cause,
      hint: 'Free some space and run the same command again: it goes on where it stopped.',
    })
  }
}
