/** The thread behind `threadedPartWriter`. */
import { workerData } from 'node:worker_threads'
import { serveThread } from '../../system/thread.ts'
import { openPartWriter, type PartAnswer, type PartSetup, type PartTask, performTask } from './part-writer.ts'

const opened = openPartWriter(workerData as PartSetup, true)

serveThread<PartTask, PartAnswer>(
  opened.then((writer) => ({
    answer: (task) => performTask(writer, task),
    gives: (answer) => (answer instanceof Uint8Array ? [answer.buffer] : []),
    close: writer.close,
  })),
)
