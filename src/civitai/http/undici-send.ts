import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Dispatcher } from 'undici'
import { bodyQueue } from './body-queue.ts'
import type { HttpAnswer, HttpRequest, Send } from './http.ts'
import { publicLookup } from './public-lookup.ts'

export interface Timeouts {
  readonly connectMs: number
  /** Until the headers of an answer. The site's lists are slow at times. */
  readonly headersMs: number
  /** Between two pieces of a body. */
  readonly bodyMs: number
}

export const TIMEOUTS: Timeouts = { connectMs: 20_000, headersMs: 60_000, bodyMs: 45_000 }

/** Proxies as other programs take them from the environment. */
export interface Proxies {
  readonly http?: string
  readonly https?: string
  /** Hosts that are reached without one. */
  readonly none?: string
}

export interface Connection {
  /** Throws what Node, undici or the signal say; of a timeout with the `waitedMs`. */
  readonly send: Send
  close(): Promise<void>
}

/** What one pool of connections may reach. */
type Reach = 'anywhere' | 'public'

/** HTTP by undici, which is loaded with the first request: most commands need not spend the time. */
export function connection(
  timeouts: Timeouts = TIMEOUTS,
  proxies: Proxies = {},
  lookup: LookupFunction = systemLookup,
): Connection {
  const dispatchers = new Map<Reach, Promise<Dispatcher>>()
  // connections are kept for later requests: one made for a request that may go anywhere must not serve the others
  const dispatcherFor = (reach: Reach): Promise<Dispatcher> => {
    const known = dispatchers.get(reach)
    if (known) return known
    const opened = open(timeouts, proxies, reach === 'public' ? publicLookup(lookup) : lookup)
    dispatchers.set(reach, opened)
    return opened
  }
  return {
    async send(request) {
      const dispatcher = await dispatcherFor(request.publicOnly ? 'public' : 'anywhere')
      return exchange(dispatcher, request, timeouts)
    },
    async close() {
      for (const dispatcher of dispatchers.values()) await (await dispatcher).destroy()
    },
  }
}

/** A proxy looks names up itself, and decides itself what it reaches. */
async function open(
  { connectMs, headersMs, bodyMs }: Timeouts,
  proxies: Proxies,
  lookup: LookupFunction,
): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici')
  const options = {
    connect: { timeout: connectMs, lookup },
    headersTimeout: headersMs,
    bodyTimeout: bodyMs,
  }
  if (proxies.http === undefined && proxies.https === undefined) return new Agent(options)
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: proxies.http ?? '',
    httpsProxy: proxies.https ?? '',
    noProxy: proxies.none ?? '',
  })
}

function exchange(dispatcher: Dispatcher, request: HttpRequest, timeouts: Timeouts): Promise<HttpAnswer> {
  const { url, method = 'GET', headers, body = null, signal } = request
  return new Promise((resolve, reject) => {
    let control: Dispatcher.DispatchController | undefined
    const abandon = (): void => control?.abort(new Error('no longer wanted'))
    const interrupt = (): void => {
      // still waiting for a connection, which may take its time
      if (control) control.abort(abortError(signal))
      else reject(abortError(signal))
    }
    const queue = bodyQueue({ pause: () => control?.pause(), resume: () => control?.resume(), abandon })
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', interrupt)
      queue.end(error)
    }
    signal.addEventListener('abort', interrupt)
    const options = { origin: url.origin, path: url.pathname + url.search, method, headers, body }
    dispatcher.dispatch(options, {
      onRequestStart(controller) {
        control = controller
        if (signal.aborted) interrupt()
      },
      onResponseStart(_controller, status, received) {
        if (status < 200) return // 103 and the like announce the answer, which comes later
        resolve({ status, headers: firstValues(received), body: queue.body, discard: abandon })
      },
      onResponseData: (_controller, chunk) => queue.push(chunk),
      onResponseEnd: () => settle(),
      onResponseError(_controller, error) {
        const failure = withWait(error, timeouts)
        settle(failure)
        reject(failure)
      },
    })
  })
}

/** Codes of timeouts, and which of the times it was. */
const WAITS: Readonly<Record<string, keyof Timeouts>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connectMs',
  UND_ERR_HEADERS_TIMEOUT: 'headersMs',
  UND_ERR_BODY_TIMEOUT: 'bodyMs',
}

function withWait(error: NodeJS.ErrnoException, timeouts: Timeouts): Error {
  const wait = WAITS[error.code ?? '']
  return wait === undefined ? error : Object.assign(error, { waitedMs: timeouts[wait] })
}

/** A deadline says itself what it is. */
function abortError({ reason }: AbortSignal): Error {
  if (reason instanceof Error && 'waitedMs' in reason) return reason
  return new DOMException('This operation was aborted', 'AbortError')
}

function firstValues(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const first = Array.isArray(value) ? value[0] : value
      return first === undefined ? [] : [[name.toLowerCase(), first]]
    }),
  )
}
