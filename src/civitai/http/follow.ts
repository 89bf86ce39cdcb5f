/** Redirects by hand: the token must not follow them, and a Range must. */
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { PRIVATE_ADDRESS } from '../api/public-lookup.ts'
import { isPrivateHost, mayBePrivate, mayCarryToken, type Site } from './hosts.ts'
import { type HttpAnswer, type HttpWorld, networkError } from './http.ts'

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
  /** Where the answer is from. It may hold a signature: not for messages. */
  readonly url: URL
  /** The site itself answered, not a storage it pointed to. */
  readonly bySite: boolean
}

/**
 * Sends a request and follows where it leads. The token goes to the site's own hosts only (`mayCarryToken`), whatever
 * redirects to whatever.
 * @throws NETWORK, CIVITAI_LOGIN_REQUIRED (a redirect to the login page), CIVITAI_REDIRECT
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
  throw badRedirect(request.url, `more than ${MAX_REDIRECTS} redirects`)
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
    if (code === PRIVATE_ADDRESS) throw intoPrivateNetwork(site.base, message)
    throw networkError(cause, url)
  }
}

/** @throws CIVITAI_REDIRECT for what leads to a weaker or a private place, CIVITAI_LOGIN_REQUIRED */
function nextUrl(location: string, from: URL, site: Site): URL {
  const to = parseLocation(location, from)
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw badRedirect(from, `a redirect to ${to.protocol}, which is no web address`)
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw badRedirect(from, `a redirect from https to http (${to.host})`)
  if (isPrivateHost(to.hostname) && !mayBePrivate(to, site)) throw intoPrivateNetwork(from, to.host)
  if (mayCarryToken(to, site) && to.pathname === '/login') throw loginRequired(from, site)
  to.username = ''
  to.password = ''
  return to
}

function parseLocation(location: string, from: URL): URL {
  try {
    return new URL(location, from)
  } catch {
    throw badRedirect(from, 'a redirect to what is no web address')
  }
}

function intoPrivateNetwork(from: URL, to: string): SdtoolError {
  return badRedirect(
    from,
    `a redirect into a private network (${to})`,
    'If you run the servers yourself, name the first one by its address: --civitai-url http://192.168.0.2:8080.',
  )
}

function badRedirect({ host }: URL, what: string, hint?: string): SdtoolError {
  return new SdtoolError('CIVITAI_REDIRECT', `${host}: ${what} was not followed`, {
    exitCode: EXIT.network,
    ...defined({ hint }),
  })
}

/** With a token the site sends people to its login page when it does not know that token. */
export function loginRequired({ host }: URL, { token }: Site): SdtoolError {
  return token
    ? new SdtoolError('CIVITAI_TOKEN_REFUSED', `${host} does not accept the token of ${token.origin}`, {
        hint: 'It may have expired: make a new one on the account page of the site, then run sdtool login.',
      })
    : new SdtoolError('CIVITAI_LOGIN_REQUIRED', `${host}: this download needs a login`, {
        hint: 'Make an API key on the account page of the site, then run sdtool login or set CIVITAI_TOKEN.',
      })
}
