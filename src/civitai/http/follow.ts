/** Redirects by hand: the token must not follow them, and a Range must. */
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { isPrivateHost, mayBePrivate, mayCarryToken, type Site } from './hosts.ts'
import { type HttpAnswer, type HttpWorld, networkError } from './http.ts'
import { messages } from './messages.ts'
import { PRIVATE_ADDRESS } from './public-lookup.ts'

/** Civitai needs one or two. */
const MAX_REDIRECTS = 10
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export interface FollowRequest {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

export interface Followed {
  readonly answer: HttpAnswer
  /** Where the answer is from. It may contain a signature: not for messages. */
  readonly url: URL
  /** The site itself answered, not a storage it pointed to. */
  readonly bySite: boolean
}

/**
 * Sends a request and follows where it leads. The token goes to the site's own hosts only (`mayCarryToken`), whatever
 * redirects to whatever.
 * @throws NETWORK, CIVITAI_REDIRECT (exit 5); CIVITAI_LOGIN_REQUIRED, CIVITAI_TOKEN_REFUSED (exit 1) for a redirect to
 *   the login page; the reason of the signal
 */
export async function follow(request: FollowRequest, site: Site, world: HttpWorld): Promise<Followed> {
  let { url, method = 'GET', body } = request
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await exchange({ ...request, url, method, ...defined({ body }) }, site, world)
    const location = REDIRECTS.has(answer.status) ? answer.headers.location : undefined
    if (location === undefined) return { answer, url, bySite: mayCarryToken(url, site) }
    answer.discard()
    url = nextUrl(location, url, site)
    if (answer.status !== 307 && answer.status !== 308) {
      method = 'GET'
      body = undefined
    }
  }
  throw badRedirect(messages.tooManyRedirects(request.url.host, MAX_REDIRECTS))
}

async function exchange(request: FollowRequest, site: Site, world: HttpWorld): Promise<HttpAnswer> {
  const { url } = request
  const headers: Record<string, string> = { 'user-agent': world.userAgent, ...request.headers }
  if (site.token && mayCarryToken(url, site)) headers.authorization = `Bearer ${site.token.reveal()}`
  const signal = request.signal ?? world.signal
  try {
    return await world.send({
      url,
      headers,
      signal,
      publicOnly: !mayBePrivate(url, site),
      method: request.method ?? 'GET',
      ...defined({ body: request.body }),
    })
  } catch (cause) {
    world.signal.throwIfAborted()
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === PRIVATE_ADDRESS) throw intoPrivateNetwork(site.base.host, message)
    throw networkError(cause, url)
  }
}

/** @throws CIVITAI_REDIRECT (exit 5) for a redirect to a weaker or a private place, and what `loginRequired` makes */
function nextUrl(location: string, from: URL, site: Site): URL {
  const to = parseLocation(location, from)
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw badRedirect(messages.redirectNotWeb(from.host, to.protocol))
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw badRedirect(messages.redirectToHttp(from.host, to.host))
  if (isPrivateHost(to.hostname) && !mayBePrivate(to, site)) throw intoPrivateNetwork(from.host, to.host)
  if (mayCarryToken(to, site) && to.pathname === '/login') throw loginRequired(from, site)
  to.username = ''
  to.password = ''
  return to
}

function parseLocation(location: string, from: URL): URL {
  try {
    return new URL(location, from)
  } catch {
    throw badRedirect(messages.redirectInvalid(from.host))
  }
}

function intoPrivateNetwork(host: string, to: string): SdtoolError {
  return badRedirect(messages.redirectPrivate(host, to), messages.nameFirstServer)
}

function badRedirect(message: string, hint?: string): SdtoolError {
  return new SdtoolError('CIVITAI_REDIRECT', message, { exitCode: EXIT.network, ...defined({ hint }) })
}

/** The site redirects to its login page also when it does not know the token. */
function loginRequired({ host }: URL, { token }: Site): SdtoolError {
  return token
    ? new SdtoolError('CIVITAI_TOKEN_REFUSED', messages.tokenRefused(host, token.origin), {
        hint: messages.tokenExpired,
      })
    : new SdtoolError('CIVITAI_LOGIN_REQUIRED', messages.loginRequired(host), { hint: messages.createKey })
}
