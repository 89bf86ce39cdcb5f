import type { SdtoolError } from '../../system/errors.ts'
import { type HttpWorld, isTimeout } from './http.ts'

/** Whether asking again can help: never, once (a lookup that failed on their side), or with patience. */
export type RetryPolicy = 'no' | 'once' | 'yes'

export interface Failure {
  readonly error: SdtoolError
  readonly again: RetryPolicy
  /** As the server asked. */
  readonly afterMs?: number
}

export type Attempt<T> = { readonly value: T } | Failure

/** A server that does not answer in time is asked once more only: five times would be minutes of waiting. */
export function againAfter(error: SdtoolError): RetryPolicy {
  if (error.code !== 'NETWORK') return 'no'
  return isTimeout(error) ? 'once' : 'yes'
}

/** 1, 2, 4, 8 s: what a hiccup of the network or of a proxy takes. */
export const MAX_ATTEMPTS = 5
const FIRST_DELAY_MS = 1000
const MAX_DELAY_MS = 30_000
/** A server that asks for a longer wait than this fails at once. */
const MAX_ASKED_MS = 120_000

/** Tries until it works or trying again is pointless. @throws the error of the last failure, what `attempt` throws, and the reason of the signal */
export async function withRetries<T>(world: HttpWorld, attempt: () => Promise<Attempt<T>>): Promise<T> {
  for (let failures = 1; ; failures++) {
    const result = await attempt()
    if ('value' in result) return result.value
    if (!mayRetry(result, failures)) throw result.error
    await pause(result, failures, world)
  }
}

export function mayRetry({ again, afterMs = 0 }: Failure, failures: number): boolean {
  if (again === 'no' || afterMs > MAX_ASKED_MS) return false
  return failures < (again === 'once' ? 2 : MAX_ATTEMPTS)
}

/**
 * Waits twice as long after each failure, with jitter from half to the whole of it, so that many clients of a server
 * that came back do not all come at once.
 * @throws the reason of the signal
 */
export async function pause(
  { afterMs = 0 }: Pick<Failure, 'afterMs'>,
  failures: number,
  world: HttpWorld,
): Promise<void> {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), MAX_DELAY_MS)
  await world.sleep(Math.max(afterMs, delay * (0.5 + world.random() / 2)), world.signal)
  world.signal.throwIfAborted()
}

/** Seconds or a date. Undefined for anything else. */
export function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime())
}
