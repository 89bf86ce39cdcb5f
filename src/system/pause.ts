/** Long work on the thread that hears signals, done in pieces. */
import { setImmediate } from 'node:timers/promises'

/** To be awaited between pieces of work. @throws the reason of the signal, once it is aborted */
export type Pause = () => Promise<void>

/** A person who presses Ctrl-C notices a wait of more than this; turns of the event loop cost too much to take more often. */
const PIECE_MS = 50

/**
 * Lets the event loop turn if the last turn is some time ago: Ctrl-C, progress and other work get their share. Between
 * two calls should lie no more than some ten thousand steps.
 */
export function newPause(signal?: AbortSignal): Pause {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < PIECE_MS) return
    await setImmediate()
    last = performance.now()
    signal?.throwIfAborted()
  }
}
