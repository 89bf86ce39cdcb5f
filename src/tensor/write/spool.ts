import { open } from 'node:fs/promises'
import { writeFully } from '../../system/bytes.ts'
import type { FileRef } from '../../system/file-ref.ts'
import type { StoredSource } from '../values/table.ts'

/**
 * Computed values that have to be known before their file can be laid out, kept on disk until the writer takes them.
 * So a plan can be made of gigabytes of them, one at a time.
 */
export interface Spool {
  /** Keeps bytes, and tells where they lie. */
  keep(bytes: Uint8Array): Promise<StoredSource>
  /** Never throws. */
  close(): Promise<void>
}

/** @param path of the file to be made, which stays when the spool is closed */
export async function openSpool(path: string): Promise<Spool> {
  const handle = await open(path, 'wx')
  let size = 0
  // what the table says of its size has to be that of the whole file, which is known at the end
  const file: { -readonly [key in keyof FileRef]: FileRef[key] } = { path, size }
  return {
    async keep(bytes) {
      const offset = size
      await writeFully(handle, bytes, offset)
      size += bytes.byteLength
      file.size = size
      return { kind: 'stored', file, offset, nbytes: bytes.byteLength }
    },
    close: () => handle.close().catch(() => {}),
  }
}
