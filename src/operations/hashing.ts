import { basename } from 'node:path'
import type { HashNow } from '../library/caches/hash-cache.ts'
import { hashModel } from '../library/shards.ts'
import type { Hashes, HashName } from '../system/hash.ts'
import { type Environment, startProgress } from '../system/world.ts'
import { messages } from './messages.ts'

type Hashing = Pick<Environment, 'signal' | 'progress'>

/** For the cache of hashes. */
export function hashesOf(environment: Hashing): HashNow {
  return (path, only) => hashWithProgress(path, only, environment)
}

/** Hashes a file. All hashes if none are named. */
export async function hashWithProgress(
  path: string,
  only: readonly HashName[] | undefined,
  environment: Hashing,
): Promise<Hashes> {
  const progress = startProgress(environment, messages.hashing(basename(path)))
  try {
    const { signal } = environment
    return await hashModel(path, { ...(only && { only }), signal, onProgress: progress.update })
  } finally {
    progress.end()
  }
}
