/**
 * Sessions of onnxruntime, each in a process of its own: `create` and `run` block the thread they are called in, so
 * progress and Ctrl-C would stand still; and of a session that is released the allocator keeps half, which only the
 * end of its process gives back. A process that a driver takes down does not take the command with it, either.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { SdtoolError } from '../../system/errors.ts'
import { spokenLanguage } from '../../system/language.ts'
import { revivedError } from '../../system/plain-error.ts'
import { messages } from './messages.ts'
import type {
  HostReply,
  HostRequest,
  Results,
  Session,
  SessionModel,
  SpokenRequest,
} from './session-protocol.ts'

export interface SessionWorld {
  /** Script of the process (`session-process.ts`, built); the calling process itself without it. */
  readonly sessions?: URL
  readonly signal?: AbortSignal
}

/**
 * Loads a model.
 * @throws SESSION_FAILED (exit 1) with what onnxruntime said, or SESSION_ENDED (exit 1) when the process died (out of memory, a driver)
 */
export async function openSession(model: SessionModel, { sessions, signal }: SessionWorld): Promise<Session> {
  signal?.throwIfAborted()
  if (sessions === undefined) {
    const { hostSession } = await import('./session-host.ts')
    return hostSession(model)
  }
  const host = startHost(sessions, signal)
  try {
    await host.ask({ create: model })
  } catch (error) {
    await host.close()
    throw error
  }
  return {
    run: async (feeds) => (await host.ask({ run: feeds })).results,
    close: host.close,
  }
}

interface Host {
  /** One request at a time. */
  ask(request: HostRequest): Promise<{ readonly results: Results }>
  close(): Promise<void>
}

interface Waiting {
  resolve(reply: { readonly results: Results }): void
  reject(error: unknown): void
}

function startHost(script: URL, signal: AbortSignal | undefined): Host {
  const child = fork(script, [], {
    env: { ...process.env, GLIBC_TUNABLES: tunables(process.env.GLIBC_TUNABLES) },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [], // a debugger of this process would wait for that one, too
  })
  const said = lastWords(child)
  let waiting: Waiting | undefined
  let ended: { readonly error: unknown } | undefined
  const end = (error: unknown): void => {
    // the first reason counts: the exit that follows an abort only says that the process is gone
    ended ??= { error }
    waiting?.reject(ended.error)
    waiting = undefined
    child.kill('SIGKILL')
  }
  const onAbort = (): void => end(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  child.on('error', end)
  const exited = new Promise<void>((resolve) => {
    child.on('exit', (code, killedBy) => {
      end(diedEarly(code, killedBy, said()))
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
  })
  child.on('message', (reply: HostReply) => {
    if ('error' in reply) waiting?.reject(revivedError(reply.error))
    else waiting?.resolve(reply)
    waiting = undefined
  })
  return {
    ask(request) {
      return new Promise((resolve, reject) => {
        if (ended) {
          reject(ended.error)
          return
        }
        waiting = { resolve, reject }
        const spoken: SpokenRequest = { ...request, language: spokenLanguage() }
        child.send(spoken, (error) => error && end(error))
      })
    },
    async close() {
      end(new Error('the session is closed'))
      await exited
    },
  }
}

/**
 * Blocks of glibc's malloc that are mappings of their own, so that the system has them back when they are freed. Left
 * alone, glibc raises this limit to 32 MB while weights are cast and packed, and the holes they leave stay: 0.2 GB of
 * 4.0 for SD 1.5. Other C libraries do not know the variable.
 */
const OWN_MAPPING = 'glibc.malloc.mmap_threshold=1048576'

/** What the user has set comes behind, where it counts. */
function tunables(own: string | undefined): string {
  return own ? `${OWN_MAPPING}:${own}` : OWN_MAPPING
}

/** Enough for the message of a crash. */
const MAX_WORDS = 2000

function lastWords({ stderr }: ChildProcess): () => string {
  let text = ''
  stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-MAX_WORDS)
  })
  return () => {
    const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Node.js v'))
    return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? ''
  }
}

function diedEarly(code: number | null, killedBy: string | null, said: string): SdtoolError {
  const hint = killedBy === 'SIGKILL' ? messages.outOfMemory : messages.tryDevices
  const ended = killedBy === null ? messages.sessionEnded(code) : messages.sessionKilled(killedBy)
  return new SdtoolError('SESSION_ENDED', said === '' ? ended : `${ended}: ${said}`, { hint })
}
