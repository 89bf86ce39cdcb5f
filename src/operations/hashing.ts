import { basename } from 'node:path'
import type { HashNow } from '../library/caches/hash-cache.ts'
import { startProgress } from '../report/progress/progress.ts'
import { type Hashes, type HashName, hashFile } from '../system/hash.ts'
import type { World } from '../system/world.ts'

/** For the cache of hashes. */
export function hashesOf(world: World): HashNow {
  return (path, only, quiet) => hashWithProgress(path, only, quiet, world)
}

/** Hashes a file with progress on stderr. All hashes if none are named. */
export async function hashWithProgress(
  path: string,
  only: readonly HashName[] | undefined,
  quiet: boolean,
  world: World,
): Promise<Hashes> {
  const progress = startProgress(`hashing ${basename(path)}`, world, quiet)
  try {
    return await hashFile(path, { ...(only && { only }), signal: world.signal, onProgress: progress.update })
  } finally {
    progress.end()
  }
}
