import type { InferenceSession } from 'onnxruntime-node'
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'
import { loadOnnxRuntime } from './onnxruntime.ts'
import type { Feed, Results, Session, SessionModel } from './session-protocol.ts'

/**
 * A session in the calling thread, which stands still while it loads and runs.
 * @throws SESSION_FAILED (exit 1), and what `loadOnnxRuntime` throws
 */
export async function hostSession({ model, options }: SessionModel): Promise<Session> {
  const ort = loadOnnxRuntime()
  const tensorOf = ({ data, dims }: Feed) => new ort.Tensor('float32', data, dims)
  const session = await ort.InferenceSession.create(model, options as InferenceSession.SessionOptions).catch(
    (cause: unknown) => {
      throw failed('load', cause)
    },
  )
  let closed = false
  return {
    async run(feeds) {
      const inputs = Object.entries(feeds).map(([name, feed]) => [name, tensorOf(feed)] as const)
      const outputs = await session.run(Object.fromEntries(inputs)).catch((cause: unknown) => {
        throw failed('run', cause)
      })
      const results: Results = Object.fromEntries(
        Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]),
      )
      return results
    },
    async close() {
      if (closed) return
      closed = true
      await session.release().catch(() => {})
    },
  }
}

function failed(what: 'load' | 'run', cause: unknown): SdtoolError {
  const said = cause instanceof Error ? cause.message : String(cause)
  const message = what === 'load' ? messages.notLoaded(plainWords(said)) : messages.notRun(plainWords(said))
  return new SdtoolError('SESSION_FAILED', message, { cause })
}

/** The source file and condition that onnxruntime names first are of no use to anyone here. */
const RE_SOURCE = /^.*\bwas false\. |^.*\.(?:cc|cpp|h):\d+ \S+ /s

function plainWords(said: string): string {
  return said.trim().replace(RE_SOURCE, '').split('\n')[0]!
}
