/** The thread behind `workerExecutor`. */
import { parentPort, workerData } from 'node:worker_threads'
import {
  blockingExecutor,
  plainError,
  type WorkerReply,
  type WorkerRequest,
  type WorkerTask,
} from './executor.ts'

const port = parentPort
if (port) {
  const executor = blockingExecutor(workerData as WorkerTask)
  // its failure is reported with the first batch
  executor.catch(() => {})
  port.on('message', async (request: WorkerRequest) => {
    if (request === 'close') {
      await (await executor).close()
      port.close()
      return
    }
    const { id, batch } = request
    try {
      port.postMessage({ id, result: await (await executor).run(batch) } satisfies WorkerReply)
    } catch (error) {
      port.postMessage({ id, error: plainError(error) } satisfies WorkerReply)
    }
  })
}
