import { onTestFinished } from 'vitest'
import type { Site } from '../../src/civitai/http/hosts.ts'
import type { HttpWorld } from '../../src/civitai/http/http.ts'
import { secret } from '../../src/civitai/http/secret.ts'
import { connection, type Timeouts } from '../../src/civitai/http/undici-send.ts'
import { type Double, TOKEN } from './double.ts'

export interface TestWorld extends HttpWorld {
  /** Milliseconds that were slept, instead of sleeping. */
  readonly slept: number[]
}

/** Real connections, and time that passes only on paper. */
export function testWorld(
  over: Partial<HttpWorld> & { readonly timeouts?: Partial<Timeouts> } = {},
): TestWorld {
  const { timeouts, ...replaced } = over
  const { send, close } = connection({ connectMs: 2000, headersMs: 2000, bodyMs: 2000, ...timeouts })
  onTestFinished(close)
  const slept: number[] = []
  return {
    send,
    now: () => new Date('2026-01-02T03:04:05Z'),
    random: () => 1,
    sleep: async (milliseconds) => void slept.push(milliseconds),
    signal: new AbortController().signal,
    userAgent: 'sdtool/9.9.9',
    slept,
    ...replaced,
  }
}

export function siteOf({ base }: Double, token: string | undefined = TOKEN): Site {
  return { base, configured: true, ...(token === '' ? {} : { token: secret(token, 'CIVITAI_TOKEN') }) }
}
