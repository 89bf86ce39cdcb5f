import { open } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { type ExitCode, SdtoolError } from '../errors.ts'
import { writeFully } from './bytes.ts'
import { evaluateJob, type Job, type JobResult, openInputs } from './jobs.ts'

/** Runs jobs of one output file: evaluates their tensors and writes the bytes to their place. */
export interface Executor {
  /** Jobs it can have under way at the same time. */
  readonly lanes: number
  run(job: Job): Promise<JobResult>
  close(): Promise<void>
}

/** Under way at once in one thread: while one job writes, others read or compute. */
const LANES = 3

/** Runs jobs in the calling thread. Best for plain copies, where the system does the work. */
export async function inlineExecutor(outputPath: string, lanes = LANES): Promise<Executor> {
  const inputs = openInputs()
  const output = await open(outputPath, 'r+')
  const buffers: Uint8Array[] = []
  return {
    lanes,
    async run(job) {
      const kept = buffers.pop()
      const buffer = kept && kept.byteLength >= job.bytes ? kept : new Uint8Array(job.bytes)
      const result = await evaluateJob(job, buffer.subarray(0, job.bytes), inputs.read)
      await writeFully(output, buffer.subarray(0, job.bytes), job.offset)
      buffers.push(buffer)
      return result
    },
    async close() {
      await inputs.close()
      await output.close()
    },
  }
}

export type WorkerRequest = { readonly id: number; readonly job: Job } | 'close'

export type WorkerReply =
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly error: PlainError }

/** What of an error must survive the way between threads: a structured clone keeps only the message. */
export interface PlainError {
  readonly message: string
  readonly code?: string
  readonly hint?: string
  readonly exitCode?: ExitCode
}

export function plainError(error: unknown): PlainError {
  const { message = String(error), code, hint, exitCode } = error as Partial<SdtoolError>
  return {
    message,
    ...(code === undefined ? {} : { code }),
    ...(hint === undefined ? {} : { hint }),
    ...(exitCode === undefined ? {} : { exitCode }),
  }
}

function revivedError({ message, code, hint, exitCode }: PlainError): Error {
  if (code === undefined || exitCode === undefined) return Object.assign(new Error(message), { code })
  return new SdtoolError(code, message, { exitCode, ...(hint === undefined ? {} : { hint }) })
}

interface Pending {
  resolve(result: JobResult): void
  reject(error: unknown): void
}

const WORKER_SCRIPT = new URL('./executor-worker.js', import.meta.url)

/** Runs jobs in a thread of its own. Best where values are computed. */
export function workerExecutor(outputPath: string, script = WORKER_SCRIPT): Executor {
  const worker = new Worker(script, { workerData: outputPath })
  const pending = new Map<number, Pending>()
  let nextId = 0
  let ended: { readonly error: unknown } | undefined
  const failAll = (error: unknown): void => {
    // the first reason counts: the exit that follows an error only says that the thread is gone
    ended ??= { error }
    for (const { reject } of pending.values()) reject(ended.error)
    pending.clear()
  }
  worker.on('message', (reply: WorkerReply) => {
    const waiting = pending.get(reply.id)
    pending.delete(reply.id)
    if ('error' in reply) waiting?.reject(revivedError(reply.error))
    else waiting?.resolve(reply.result)
  })
  worker.on('error', failAll)
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      failAll(new Error('a worker thread ended early'))
      resolve()
    })
  })
  return {
    lanes: LANES,
    run(job) {
      const id = nextId++
      return new Promise((resolve, reject) => {
        if (ended) {
          reject(ended.error)
          return
        }
        pending.set(id, { resolve, reject })
        worker.postMessage({ id, job } satisfies WorkerRequest)
      })
    },
    async close() {
      worker.postMessage('close' satisfies WorkerRequest)
      await exited
    },
  }
}
