/** The thread behind `threadedHash`. */
import { workerData } from 'node:worker_threads'
import { type Hashes, type RunningHashName, startHash } from './hash.ts'
import type { HashTask } from './hash-thread.ts'
import { serveThread } from './thread.ts'

const running = startHash(workerData as readonly RunningHashName[])

serveThread<HashTask, Hashes | undefined>(
  running.then((hash) => ({
    answer: async (task) => (task === 'digest' ? hash.digest() : void (await hash.update(task))),
  })),
)
