/** Civitai as commands use it: where it is, with which token, over real connections. */

import { setMaxListeners } from 'node:events'
import { setTimeout as timer } from 'node:timers/promises'
import { type Api, openApi } from '../../civitai/api/api.ts'
import { findToken } from '../../civitai/api/config.ts'
import { DEFAULT_URL, type Site } from '../../civitai/http/hosts.ts'
import type { HttpWorld } from '../../civitai/http/http.ts'
import { connection, type Proxies } from '../../civitai/http/undici-send.ts'
import { defined } from '../../system/defined.ts'
import { escaped, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { messages } from './messages.ts'
import { filledText } from './options.ts'

export interface Client {
  readonly site: Site
  readonly http: HttpWorld
  /** The API of the site, or of the host that a pasted address names. */
  apiOf(site: Site): Api
}

/** Opens connections for as long as `use` runs. @throws USAGE (exit 2), CIVITAI_TOKEN_FORM (exit 1) */
export async function withCivitai<T>(
  args: Arguments,
  world: World,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const site = await siteFrom(args, world)
  // each request listens for it, and Node warns of more than ten as a likely mistake
  setMaxListeners(0, world.signal)
  const { send, close } = connection(undefined, proxiesOf(world.env))
  const http: HttpWorld = {
    send,
    now: () => world.now(),
    random: world.random ?? Math.random,
    sleep: world.sleep ?? sleep,
    signal: world.signal,
    ...(world.partThread && { partThread: world.partThread }),
    userAgent: `sdtool/${world.version}`,
  }
  const apis = new Map<string, Api>()
  const apiOf = (wanted: Site): Api => {
    const api = apis.get(wanted.base.href) ?? openApi(wanted, http)
    apis.set(wanted.base.href, api)
    return api
  }
  try {
    return await use({ site, http, apiOf })
  } finally {
    await close()
  }
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await timer(milliseconds, undefined, { signal })
}

async function siteFrom(args: Arguments, world: World): Promise<Site> {
  const option = filledText(args, 'civitaiUrl')
  const named = option ?? (world.env.SDTOOL_CIVITAI_URL || undefined)
  const origin = option === undefined ? 'SDTOOL_CIVITAI_URL' : '--civitai-url'
  const token = await findToken(world.env, (line) => world.stderr.write(`${messages.note(escaped(line))}\n`))
  return {
    base: named === undefined ? new URL(DEFAULT_URL) : baseUrl(named, origin),
    configured: named !== undefined,
    ...defined({ token }),
  }
}

/** @throws USAGE (exit 2) */
function baseUrl(text: string, origin: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw usage(messages.notSiteAddress(origin), messages.siteExample(DEFAULT_URL))
  return url
}

/** In the spelling of curl, which reads HTTP_PROXY in lower case only: CGI scripts get the other one from strangers. */
function proxiesOf(env: World['env']): Proxies {
  const http = env.http_proxy
  const https = env.https_proxy || env.HTTPS_PROXY
  const none = env.no_proxy || env.NO_PROXY
  return { ...(http && { http }), ...(https && { https }), ...(none && { none }) }
}
