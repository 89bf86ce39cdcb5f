/**
 * A body as it comes in. Other than with a Node stream, what arrived before the connection broke is still handed out
 * before the error: those bytes need not be sent again.
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

export function bodyQueue(valve: Valve): BodyQueue {
  const chunks: Uint8Array[] = []
  let waiting = 0
  let isPaused = false
  let ended: { readonly error?: Error } | undefined
  let wake: (() => void) | undefined

  async function* read(): AsyncGenerator<Uint8Array, void, void> {
    try {
      for (;;) {
        const chunk = chunks.shift()
        if (chunk) {
          waiting -= chunk.byteLength
          if (isPaused && waiting < HIGH_WATER_BYTES / 2) {
            isPaused = false
            valve.resume()
          }
          yield chunk
        } else if (ended) {
          if (ended.error) throw ended.error
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
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
