import type { Hashes, RunningHash, RunningHashName } from './hash.ts'
import { startThread } from './thread.ts'

/** What the thread is asked for: to take these bytes in, or for the result. */
export type HashTask = Uint8Array | 'digest'

/**
 * The same as `startHash` in a thread of its own, so that the one that receives the bytes goes on receiving.
 * @param script `hash-worker.ts`, built
 */
export function threadedHash(only: readonly RunningHashName[], script: URL): RunningHash {
  const { ask, close } = startThread<HashTask, Hashes | undefined>(script, only)
  return {
    // a view of shared memory arrives without a copy, any other with one
    update: async (chunk) => void (await ask(chunk)),
    digest: async () => (await ask('digest'))!,
    close,
  }
}
