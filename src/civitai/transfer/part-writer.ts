/** Writes and hashes the bytes of a part, in this thread or in another one. */
import { type FileHandle, open } from 'node:fs/promises'
import { readExactly, writeFully, writeFullySync } from '../../system/bytes.ts'
import { type Hashes, type HashName, startHash } from '../../system/hash.ts'
import { startThread } from '../../system/thread.ts'

export interface PartWriter {
  /**
   * Writes and hashes the next bytes. They belong to the writer until it returns them. After a failure it takes none:
   * there would be a hole before them.
   */
  take(bytes: Uint8Array<ArrayBuffer>, position: number): Promise<Uint8Array<ArrayBuffer>>
  /** Hashes what the file has there already. */
  adopt(position: number, length: number): Promise<void>
  /** Empties the file; nothing was hashed. */
  restart(): Promise<void>
  /** All is on disk, and survives a loss of power. */
  sync(): Promise<void>
  /** Of all bytes so far; may be called once. */
  digest(): Promise<Hashes>
  close(): Promise<void>
}

/** What a writer works on. Plain data: it crosses to a thread. */
export interface PartSetup {
  readonly path: string
  readonly only: readonly HashName[]
}

/**
 * After so many bytes the disk is asked to catch up, while more are written. Else a system with much memory keeps them
 * all there, and the last flush takes as long as the whole download did.
 */
const CATCH_UP_BYTES = 64 * 1024 * 1024

/**
 * A writer in this thread. All of its methods throw what the disk says.
 * @param blocking waits for every write. For a thread with nothing else to do: a block is then still in the processor's
 *   cache when it goes to the system
 * @throws what `open` throws
 */
export async function openPartWriter({ path, only }: PartSetup, blocking = false): Promise<PartWriter> {
  return partWriter(await open(path, 'r+'), path, only, blocking)
}

/** The same for an open file, which `close` closes. @throws what the disk says, from its methods */
export async function partWriter(
  handle: FileHandle,
  path: string,
  only: readonly HashName[],
  blocking = false,
): Promise<PartWriter> {
  const behind = catchUp(handle)
  let hash = await startHash(only)
  let page = new Uint8Array(0)
  let last: Promise<unknown> = Promise.resolve()
  const write: PartWriter['take'] = async (bytes, position) => {
    hash.update(bytes)
    if (blocking) writeInPieces(handle.fd, bytes, position)
    else await writeFully(handle, bytes, position)
    behind.add(bytes.byteLength)
    return bytes
  }
  return {
    take(bytes, position) {
      // one after the other: a failed write must leave no hole before a later one
      const taken = last.then(() => write(bytes, position))
      last = taken
      return taken
    },
    async adopt(position, length) {
      if (page.byteLength < length) page = new Uint8Array(length)
      const bytes = page.subarray(0, length)
      await readExactly(handle, path, bytes, position)
      hash.update(bytes)
    },
    async restart() {
      await handle.truncate(0)
      hash = await startHash(only)
    },
    async sync() {
      await behind.settle()
      await handle.sync()
    },
    digest: async () => hash.digest(),
    close: () => handle.close(),
  }
}

/**
 * What is written at once the system wants to keep in one piece of memory, and where much is in use large pieces are
 * hard to find: with 1 MiB it was busy twice as long as with up to 128 KiB.
 */
const WRITE_BYTES = 64 * 1024

function writeInPieces(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.byteLength; at += WRITE_BYTES)
    writeFullySync(fd, bytes.subarray(at, at + WRITE_BYTES), position + at)
}

function catchUp(handle: FileHandle) {
  let bytes = 0
  let underWay: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined
  return {
    add(written: number): void {
      bytes += written
      if (bytes < CATCH_UP_BYTES || underWay) return
      bytes = 0
      underWay = handle
        .datasync()
        // the system reports lost bytes only once: the sync at the end would not hear of them
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => {
          underWay = undefined
        })
    },
    /** @throws what the disk said in the meantime */
    async settle(): Promise<void> {
      await underWay
      if (failure) throw failure.error
    },
  }
}

/** A task of the thread. */
export type PartTask =
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly position: number }
  | { readonly position: number; readonly length: number }
  | 'restart'
  | 'sync'
  | 'digest'

export type PartAnswer = Uint8Array<ArrayBuffer> | Hashes | undefined

/**
 * The same in a thread, so that the calling one can go on receiving. The bytes move there and back without a copy. Shared
 * memory would not have to move, but V8 copies into it word by word, which took longer.
 * @param script `part-writer-worker.ts`, built
 * @throws nothing itself; its methods throw what those of the writer in the thread do
 */
export function threadedPartWriter(setup: PartSetup, script: URL): PartWriter {
  const { ask, close } = startThread<PartTask, PartAnswer>(script, setup)
  return {
    take: async (bytes, position) =>
      (await ask({ bytes, position }, [bytes.buffer])) as Uint8Array<ArrayBuffer>,
    adopt: async (position, length) => void (await ask({ position, length })),
    restart: async () => void (await ask('restart')),
    sync: async () => void (await ask('sync')),
    digest: async () => (await ask('digest')) as Hashes,
    close,
  }
}

/** Does one task in the thread. @throws what the writer does */
export async function performTask(writer: PartWriter, task: PartTask): Promise<PartAnswer> {
  if (task === 'digest') return writer.digest()
  if (task === 'restart') await writer.restart()
  else if (task === 'sync') await writer.sync()
  else if ('bytes' in task) return writer.take(task.bytes, task.position)
  else await writer.adopt(task.position, task.length)
  return undefined
}
