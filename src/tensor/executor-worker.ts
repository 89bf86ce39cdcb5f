/** The thread behind `workerExecutor`. */
import { parentPort, workerData } from 'node:worker_threads'
import { inlineExecutor, plainError, type WorkerReply, type WorkerRequest } from './executor.ts'

const port = parentPort
if (port) {
  const executor = inlineExecutor(workerData as string)
  port.on('message', async (request: WorkerRequest) => {
    if (request === 'close') {
      await executor.then((opened) => opened.close())
      port.close()
      return
    }
    const { id, job } = request
    try {
      port.postMessage({ id, result: await (await executor).run(job) } satisfies WorkerReply)
    } catch (error) {
      port.postMessage({ id, error: plainError(error) } satisfies WorkerReply)
    }
  })
}
