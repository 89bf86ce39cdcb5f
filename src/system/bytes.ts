import { readSync, writeSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { refuse, type SdtoolError } from './errors.ts'
import type { FileRef } from './file-ref.ts'
import { messages } from './messages.ts'
import { newPause, type Pause } from './pause.ts'
import { stampOf } from './stamp.ts'

/** Bytes that can be read at any place: a file now, a remote file by HTTP Range later. Parsers see only this. */
export interface ByteSource {
  readonly file: FileRef
  /** Each read is a request over a network: what is only a check may look at samples. */
  readonly costly?: boolean
  /** Awaited by parsers while they work on what they have read. */
  readonly pause?: Pause
  /** Exactly `length` bytes from `offset`. Throws `FILE_TRUNCATED` if the source ends before. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** One `read` system call moves at most 2 GiB; larger reads are a mistake here, as tensors are read in blocks. */
const MAX_READ = 2 ** 31 - 4096

/**
 * Reads `length` bytes at `offset` into `target`.
 * @throws FILE_TRUNCATED (exit 3) when the file ends before
 */
export async function readExactly(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  offset: number,
): Promise<void> {
  let done = 0
  while (done < target.byteLength) {
    const { bytesRead } = await handle.read(target, done, target.byteLength - done, offset + done)
    if (bytesRead === 0) throw truncated(path, offset + done, target.byteLength - done)
    done += bytesRead
  }
}

/** The same in a thread that has nothing else to do. @throws FILE_TRUNCATED (exit 3) */
export function readExactlySync(fd: number, path: string, target: Uint8Array, offset: number): void {
  let done = 0
  while (done < target.byteLength) {
    const bytesRead = readSync(fd, target, done, target.byteLength - done, offset + done)
    if (bytesRead === 0) throw truncated(path, offset + done, target.byteLength - done)
    done += bytesRead
  }
}

function truncated(path: string, end: number, missing: number): SdtoolError {
  return refuse('FILE_TRUNCATED', messages.truncatedRead(path, end, missing), messages.incompleteFile)
}

/** Writes all of `bytes` at `position`, or without one where the last write ended: a single write may do less. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) {
    const at = position === undefined ? null : position + done
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, at)
    done += bytesWritten
  }
}

export function writeFullySync(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.byteLength) done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done)
}

/** @throws NOT_A_FILE (exit 3), as a pipe or device could keep its reader waiting forever */
async function factsOf(handle: FileHandle, path: string): Promise<Required<FileRef>> {
  try {
    const info = await handle.stat({ bigint: true })
    if (!info.isFile()) throw notAFile(path)
    return { path, size: Number(info.size), stamp: stampOf(info) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function notAFile(path: string): SdtoolError {
  return refuse('NOT_A_FILE', messages.notRegularFile(path))
}

/**
 * Opens a regular file. Others are not even opened: opening a pipe waits for a writer, deaf to every signal.
 * @throws NOT_A_FILE (exit 3), and errors of the system (ENOENT, EACCES ...)
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  if (!(await stat(path)).isFile()) throw notAFile(path)
  return open(path, 'r')
}

/**
 * A small regular file as a whole: what lies beside models under names that anything may have. Undefined where there is
 * none, where it may not be read, and where it is larger than such files are.
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const handle = await openRegularFile(path).catch(() => undefined)
  try {
    if (handle === undefined || (await handle.stat()).size > maxBytes) return undefined
    return await handle.readFile()
  } catch {
    return undefined
  } finally {
    await handle?.close()
  }
}

/**
 * Opens a file for reading at any place.
 * @param signal ends the work of the parsers that read from it
 * @throws NOT_A_FILE (exit 3), and errors of the system; its `read` throws FILE_TRUNCATED, READ_TOO_LARGE (exit 3)
 */
export async function openFileSource(path: string, signal?: AbortSignal): Promise<ByteSource> {
  const handle = await openRegularFile(path)
  const file = await factsOf(handle, path)
  return {
    file,
    pause: newPause(signal),
    async read(offset, length) {
      if (length > MAX_READ) throw refuse('READ_TOO_LARGE', messages.readTooLarge(path, length))
      const target = new Uint8Array(length)
      await readExactly(handle, path, target, offset)
      return target
    },
    close: () => handle.close(),
  }
}

/** Bytes already in memory, under the name of a file. @throws FILE_TRUNCATED (exit 3), from its `read` */
export function memorySource(path: string, data: Uint8Array): ByteSource {
  return {
    file: { path, size: data.byteLength },
    async read(offset, length) {
      if (offset + length > data.byteLength) {
        throw refuse('FILE_TRUNCATED', messages.truncatedSource(path, data.byteLength, offset + length))
      }
      return data.slice(offset, offset + length)
    },
    close: async () => {},
  }
}
