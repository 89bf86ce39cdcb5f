import { basename } from 'node:path'
import type { Io } from '../report/io.ts'
import { startProgress } from '../report/progress.ts'
import { type Hashes, type HashName, hashFile } from '../tensor/hash.ts'

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
