/** One HTTP exchange, without redirects, retries or tokens: what a test can replace, and what undici does otherwise. */
import { EXIT, SdtoolError } from '../../system/errors.ts'

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

/** What a server gets in time, however it spends it: on names, connections, redirects, or byte by byte. */
export interface Patience {
  /** Until the answer begins that all redirects lead to. */
  readonly answerMs: number
  /** For all of an answer that is kept in memory: data, an error page, a picture. */
  readonly wholeMs: number
}

export const PATIENCE: Patience = { answerMs: 90_000, wholeMs: 120_000 }

/** The world as this folder sees it. */
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

/** Ends an exchange that takes longer. What it ends with, `networkError` puts into words. */
export function deadline({ signal, patience = PATIENCE }: HttpWorld, time: keyof Patience): Deadline {
  const control = new AbortController()
  const waitedMs = patience[time]
  const timer = setTimeout(() => {
    control.abort(Object.assign(new Error('too slow'), { code: DEADLINE, waitedMs }))
  }, waitedMs)
  return { signal: AbortSignal.any([signal, control.signal]), lift: () => clearTimeout(timer) }
}

/** What the codes of Node and undici mean to a person. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name cannot be looked up; is there a network?',
  ECONNREFUSED: 'it refuses the connection',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENETUNREACH: 'there is no network',
  EHOSTUNREACH: 'it cannot be reached',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it took the request, but does not answer',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  [DEADLINE]: 'its answer takes too long',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'it sent another number of bytes than it said',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not to be trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not to be trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not to be trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is that of another host',
}

/** A failed exchange in words, exit 5. Only the host is named: addresses of storage carry signatures. */
export function networkError(cause: unknown, url: URL): SdtoolError {
  const { code = '', message, address, port, waitedMs } = innermost(cause)
  const what = CAUSES[code] ?? (code.startsWith('HPE_') ? 'it does not speak HTTP' : message)
  const why = waitedMs === undefined ? what : `${what} (waited ${waitedMs / 1000} s)`
  // who was asked at another port than that of the address stands in between
  const isProxy = address !== undefined && port !== undefined && port !== portOf(url)
  const who = isProxy ? why.replace(/^it /, `${address}:${port}, its proxy, `) : why
  return new SdtoolError('NETWORK', `${url.host}: ${who}`, {
    exitCode: EXIT.network,
    hint: 'Check the connection and run the same command again; downloads go on where they stopped.',
    cause,
  })
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

/** Of several addresses that were tried, and of wrapped errors, the one that says something. */
function innermost(error: unknown): ErrorDetails {
  const told = error as ErrorDetails & { readonly errors?: unknown[]; readonly cause?: unknown }
  const { code, message, errors, cause } = told
  if (code === undefined && errors?.[0] !== undefined) return innermost(errors[0])
  if (code === undefined && cause instanceof Error) return innermost(cause)
  return { ...told, message: message || String(error) }
}

/** Reads a body into memory. @throws CIVITAI_ANSWER_TOO_LARGE */
export async function readBody({ body }: HttpAnswer, maxBytes: number, url: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) {
      throw new SdtoolError(
        'CIVITAI_ANSWER_TOO_LARGE',
        `${url.host}: an answer of more than ${maxBytes} bytes`,
        {
          exitCode: EXIT.network,
        },
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
