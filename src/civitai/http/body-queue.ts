/**
 * A body as it comes in. Unlike with a Node stream, what arrived before the connection broke is still handed out before
 * the error: those bytes need not be sent again.
 */
import { defined } from '../../system/defined.ts'

export interface BodyQueue {
  push(chunk: Uint8Array): void
  /** Nothing more comes, for the reason given if there is one. */
  end(error?: Error): void
  readonly body: AsyncIterable<Uint8Array>
}

export interface Valve {
  pause(): void
  resume(): void
  /** The reader left before the end. */
  abandon(): void
}

/** More than this waiting for the reader closes the valve. */
const HIGH_WATER_BYTES = 1024 * 1024

/** A queue between the connection and the reader of a body. @throws the error of `end`, to who reads the body */
export function bodyQueue(valve: Valve): BodyQueue {
  const chunks: Uint8Array[] = []
  let waiting = 0
  let isPaused = false
  let ended: { readonly error?: Error } | undefined
  let wake: (() => void) | undefined

  /** The next bytes that are there, if any. */
  const take = (): Uint8Array | undefined => {
    const chunk = chunks.shift()
    waiting -= chunk?.byteLength ?? 0
    if (isPaused && waiting < HIGH_WATER_BYTES / 2) {
      isPaused = false
      valve.resume()
    }
    return chunk
  }
  /** Until something comes or it ends. */
  const news = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve
    })

  async function* read(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        const chunk = take()
        if (chunk) yield chunk
        else if (ended) break
        else await news()
      }
      if (ended.error) throw ended.error
    } finally {
      if (!ended) valve.abandon()
    }
  }

  const awaken = (): void => {
    wake?.()
    wake = undefined
  }
  return {
    push(chunk) {
      chunks.push(chunk)
      waiting += chunk.byteLength
      if (!isPaused && waiting > HIGH_WATER_BYTES) {
        isPaused = true
        valve.pause()
      }
      awaken()
    },
    end(error) {
      ended ??= defined({ error })
      awaken()
    },
    body: { [Symbol.asyncIterator]: read },
  }
}
