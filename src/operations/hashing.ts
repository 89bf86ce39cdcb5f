import { basename } from 'node:path'
import type { HashNow } from '../library/caches/hash-cache.ts'
import { startProgress } from '../report/progress.ts'
import type { Io } from '../system/world.ts'
import { type Hashes, type HashName, hashFile } from '../tensor/hash.ts'

/** For the cache of hashes. */
export function hashesOf(io: Io): HashNow {
  return (path, only, quiet) => hashWithProgress(path, only, quiet, io)
}

/** Hashes a file with progress on stderr. All hashes if none are named. */
export async function hashWithProgress(
  path: string,
  only: readonly HashName[] | undefined,
  quiet: boolean,
  io: Io,
): Promise<Hashes> {
  const progress = startProgress(`hashing ${basename(path)}`, io, quiet)
  try {
    return await hashFile(path, { ...(only && { only }), signal: io.signal, onProgress: progress.update })
  } finally {
    progress.end()
  }
}
