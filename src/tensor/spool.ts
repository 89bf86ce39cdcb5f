import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFully } from './bytes.ts'
import type { FileRef, StoredSource } from './table.ts'

/**
 * Computed values that have to be known before their file can be laid out, kept on disk until the writer takes them.
 * So a plan can be made of gigabytes of them, one at a time.
 */
export interface Spool {
  /** Keeps bytes, and tells where they lie. */
  keep(bytes: Uint8Array): Promise<StoredSource>
  /** Removes the file. Never throws. */
  remove(): Promise<void>
}

/** @param folder where the file is made, hidden, with a name of its own */
export async function openSpool(folder: string): Promise<Spool> {
  const home = await mkdtemp(join(folder, '.sdtool-'))
  const path = join(home, `${randomBytes(4).toString('hex')}.part`)
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
    async remove() {
      await handle.close().catch(() => {})
      await rm(home, { recursive: true, force: true }).catch(() => {})
    },
  }
}
