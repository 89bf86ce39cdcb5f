/** The thread behind `workerExecutor`. */
import { workerData } from 'node:worker_threads'
import { serveThread } from '../../system/thread.ts'
import { blockingExecutor, type ExecutorTask, type WorkerResult, type WorkerTask } from './executor.ts'

const executor = blockingExecutor(workerData as ExecutorTask)

// one batch after the other: two at a time would share the caches, and the memory of the kernels
serveThread<WorkerTask, WorkerResult>(
  executor.then(({ run, check, close }) => ({
    answer: (task) => ('batch' in task ? run(task.batch) : check(task.pieces)),
    close,
  })),
)
