/** A thread that is asked, and answers: one request after the other, in order. Both of its ends. */
import { parentPort, Worker } from 'node:worker_threads'
import { type Language, speaking, spokenLanguage } from './language.ts'
import { messages } from './messages.ts'
import { type PlainError, plainError, revivedError } from './plain-error.ts'

export interface Thread<Task, Result> {
  /**
   * Requests may be made before earlier ones are answered.
   * @param gives what of the task moves to the thread instead of being copied
   * @throws what the thread threw, or why it ended
   */
  ask(task: Task, gives?: readonly ArrayBuffer[]): Promise<Result>
  /** Ends the thread when it has answered everything. */
  close(): Promise<void>
}

/** The last message to a thread is `close`. */
type Request<Task> = { readonly id: number; readonly task: Task; readonly language: Language } | 'close'

type Reply<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: PlainError }

interface Pending<Result> {
  resolve(result: Result): void
  reject(error: unknown): void
}

/** Starts `script`, which calls `serveThread` for the same types. `setup` crosses to it as `workerData`. */
export function startThread<Task, Result>(script: URL, setup: unknown): Thread<Task, Result> {
  const worker = new Worker(script, { workerData: setup })
  const pending = new Map<number, Pending<Result>>()
  let nextId = 0
  let ended: { readonly error: unknown } | undefined
  const failAll = (error: unknown): void => {
    // the first reason counts: the exit that follows an error only says that the thread is gone
    ended ??= { error }
    for (const { reject } of pending.values()) reject(ended.error)
    pending.clear()
  }
  worker.on('message', (reply: Reply<Result>) => {
    const waiting = pending.get(reply.id)
    pending.delete(reply.id)
    if ('error' in reply) waiting?.reject(revivedError(reply.error))
    else waiting?.resolve(reply.result)
  })
  worker.on('error', failAll)
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      failAll(new Error(messages.threadEnded))
      resolve()
    })
  })
  return {
    ask(task, gives = []) {
      const id = nextId++
      return new Promise((resolve, reject) => {
        if (ended) {
          reject(ended.error)
          return
        }
        pending.set(id, { resolve, reject })
        worker.postMessage({ id, task, language: spokenLanguage() } satisfies Request<Task>, gives)
      })
    },
    async close() {
      worker.postMessage('close' satisfies Request<Task>)
      await exited
    },
  }
}

/** What a thread serves. */
export interface Service<Task, Result> {
  answer(task: Task): Result | Promise<Result>
  /** What of an answer moves back instead of being copied. */
  gives?(result: Result): readonly ArrayBuffer[]
  close?(): Promise<void>
}

/** The other end, for the script of a thread. Does nothing in the main thread. */
export function serveThread<Task, Result>(
  service: Service<Task, Result> | Promise<Service<Task, Result>>,
): void {
  const port = parentPort
  if (!port) return
  const reply = async (request: Request<Task>): Promise<void> => {
    if (request === 'close') {
      await (await service).close?.()
      port.close()
      return
    }
    const { id, task, language } = request
    try {
      const { answer, gives } = await service
      const result = await speaking(language, () => answer(task))
      port.postMessage({ id, result } satisfies Reply<Result>, gives?.(result) ?? [])
    } catch (error) {
      port.postMessage({ id, error: plainError(error) } satisfies Reply<Result>)
    }
  }
  let last = Promise.resolve()
  port.on('message', (request: Request<Task>) => {
    last = last.then(() => reply(request))
  })
}
