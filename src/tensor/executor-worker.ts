/** The thread behind `workerExecutor`. */
import { parentPort, workerData } from 'node:worker_threads'
import { blockingExecutor, type ExecutorTask, type WorkerReply, type WorkerRequest } from './executor.ts'
import { plainError } from './plain-error.ts'

const port = parentPort
if (port) {
  const executor = blockingExecutor(workerData as ExecutorTask)
  const answer = async (request: WorkerRequest): Promise<void> => {
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
  }
  // one after the other: two batches at a time would share the caches, and the memory of the kernels
  let last = Promise.resolve()
  port.on('message', (request: WorkerRequest) => {
    last = last.then(() => answer(request))
  })
}
