/** One HTTP exchange, without redirects, retries or tokens: what a test can replace, and what undici does otherwise. */
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'

export interface HttpRequest {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
  /** Fails with `PRIVATE_ADDRESS` where the name of the host leads into a private network. */
  readonly publicOnly?: boolean
}

export interface HttpAnswer {
  readonly status: number
  /** Lower-case names; of a header that came several times the first. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
  /** Ends the exchange without reading the body. */
  discard(): void
}

/** @throws whatever the network throws; `networkError` puts it into words */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>

/** How long a server may take, in milliseconds, whatever it spends the time on: names, connections, redirects, or single bytes. */
export interface Patience {
  /** Until the answer begins that all redirects lead to. */
  readonly answerMs: number
  /** For all of an answer that is kept in memory: data, an error page, a picture. */
  readonly wholeMs: number
}

export const PATIENCE: Patience = { answerMs: 90_000, wholeMs: 120_000 }

/** What requests need of the world. */
export interface HttpWorld {
  readonly send: Send
  /** `PATIENCE` if missing. */
  readonly patience?: Patience
  now(): Date
  /** Between 0 and 1, for the jitter of waiting times. */
  random(): number
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  readonly signal: AbortSignal
  /** Script of the threads that write and hash (`part-writer-worker.ts`, built); the calling thread does it without. */
  readonly partThread?: URL
  /**
   * "sdtool/1.2.3". Never like a browser's: to those the site answers errors with a redirect to its login page. Never
   * none: its firewall turns the defaults of libraries away.
   */
  readonly userAgent: string
}

const DEADLINE = 'DEADLINE'

export interface Deadline {
  /** Also that of the world. */
  readonly signal: AbortSignal
  /** There is time from now on. */
  lift(): void
}

/** Ends an exchange that takes longer; `networkError` puts the reason into words. */
export function deadline({ signal, patience = PATIENCE }: HttpWorld, time: keyof Patience): Deadline {
  const control = new AbortController()
  const waitedMs = patience[time]
  const timer = setTimeout(() => {
    control.abort(Object.assign(new Error('too slow'), { code: DEADLINE, waitedMs }))
  }, waitedMs)
  return { signal: AbortSignal.any([signal, control.signal]), lift: () => clearTimeout(timer) }
}

/** What the codes of Node and undici mean. */
const FAILURES = {
  ENOTFOUND: 'noSuchHost',
  EAI_AGAIN: 'notResolved',
  ECONNREFUSED: 'connectionRefused',
  ECONNRESET: 'connectionLost',
  EPIPE: 'connectionLost',
  ENETUNREACH: 'noNetwork',
  EHOSTUNREACH: 'unreachable',
  ETIMEDOUT: 'noAnswer',
  UND_ERR_CONNECT_TIMEOUT: 'noAnswer',
  UND_ERR_HEADERS_TIMEOUT: 'noAnswerToRequest',
  UND_ERR_BODY_TIMEOUT: 'stoppedSending',
  [DEADLINE]: 'answerTakesTooLong',
  UND_ERR_SOCKET: 'connectionLost',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'lengthMismatch',
  CERT_HAS_EXPIRED: 'certificateExpired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificateUntrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificateUntrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificateUntrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificateOfAnotherHost',
} as const satisfies Readonly<Record<string, keyof typeof messages>>

/**
 * A failed exchange as NETWORK (exit 5). Only the host is named: addresses of a storage carry signatures.
 * @param cause what `Send` throws, or the iterator of a body
 */
export function networkError(cause: unknown, url: URL): SdtoolError {
  const details = innermost(cause)
  const failure = failureText(details, url)
  const { waitedMs } = details
  const message = waitedMs === undefined ? failure : messages.afterWaiting(failure, waitedMs / 1000)
  return new SdtoolError('NETWORK', message, {
    exitCode: EXIT.network,
    hint: messages.checkConnection,
    cause,
  })
}

type Failure = (typeof FAILURES)[keyof typeof FAILURES]

function failureText({ code = '', message, address, port }: ErrorDetails, url: URL): string {
  // a connection to another port than that of the address leads to a proxy
  const isProxy = address !== undefined && port !== undefined && port !== portOf(url)
  const who = isProxy ? messages.proxy(url.host, `${address}:${port}`) : url.host
  const failure = (FAILURES as Readonly<Record<string, Failure>>)[code]
  if (failure !== undefined) return messages[failure](who)
  return code.startsWith('HPE_') ? messages.notHttp(who) : messages.otherFailure(who, message)
}

/** Asking again can help, but takes as long. */
const TIMEOUTS: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  DEADLINE,
])

/** Whether an exchange failed because the server did not do its part in time. */
export function isTimeout({ code, cause }: SdtoolError): boolean {
  return code === 'NETWORK' && TIMEOUTS.has(innermost(cause).code ?? '')
}

function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80)
}

interface ErrorDetails {
  readonly code?: string
  readonly message: string
  readonly address?: string
  readonly port?: number
  readonly waitedMs?: number
}

/** Of several addresses that were tried, and of wrapped errors, the one with a code. */
function innermost(error: unknown): ErrorDetails {
  const outer = error as ErrorDetails & { readonly errors?: unknown[]; readonly cause?: unknown }
  const { code, message, errors, cause } = outer
  if (code === undefined && errors?.[0] !== undefined) return innermost(errors[0])
  if (code === undefined && cause instanceof Error) return innermost(cause)
  return { ...outer, message: message || String(error) }
}

/** Reads a body into memory. @throws CIVITAI_ANSWER_TOO_LARGE (exit 5) for more than `maxBytes`, and what the network throws */
export async function readBody({ body }: HttpAnswer, maxBytes: number, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes)
      throw new SdtoolError('CIVITAI_ANSWER_TOO_LARGE', messages.answerTooLarge(url.host, maxBytes), {
        exitCode: EXIT.network,
      })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
