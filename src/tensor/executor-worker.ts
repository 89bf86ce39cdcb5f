/** The thread behind `workerExecutor`. */
import { parentPort, workerData } from 'node:worker_threads'
import {
  blockingExecutor,
  type Executor,
  type ExecutorTask,
  type WorkerReply,
  type WorkerRequest,
  type WorkerTask,
} from './executor.ts'
import type { JobResult } from './jobs.ts'
import { plainError } from './plain-error.ts'
import type { RowCheck } from './verify-patches.ts'

function resultOf(task: WorkerTask, executor: Executor): Promise<JobResult | RowCheck> {
  return 'batch' in task ? executor.run(task.batch) : executor.check(task.pieces)
}

const port = parentPort
if (port) {
  const executor = blockingExecutor(workerData as ExecutorTask)
  const answer = async (request: WorkerRequest): Promise<void> => {
    if (request === 'close') {
      await (await executor).close()
      port.close()
      return
    }
    const { id, task } = request
    try {
      const result = await resultOf(task, await executor)
      port.postMessage({ id, result } satisfies WorkerReply)
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
