/** Which hosts are Civitai, and which of them may see a token. */
import { BlockList, isIP } from 'node:net'
import type { Secret } from './secret.ts'

export const DEFAULT_URL = 'https://civitai.com'

/**
 * Hosts that answer for the site itself. Exact names: `b2.civitai.com` is a storage of another company, so "any
 * subdomain of civitai.com" would hand the token to it.
 */
const API_HOSTS: ReadonlySet<string> = new Set([
  'civitai.com',
  'www.civitai.com',
  'civitai.red',
  'www.civitai.red',
  'civitai.green',
  'api.civitai.com',
])

/** The host whose REST API is used when a page of another host is named. */
const BASES: Readonly<Record<string, string>> = {
  'civitai.com': DEFAULT_URL,
  'www.civitai.com': DEFAULT_URL,
  'api.civitai.com': DEFAULT_URL,
  'civitai.green': DEFAULT_URL,
  'civitai.red': 'https://civitai.red',
  'www.civitai.red': 'https://civitai.red',
}

/** Where requests go, and with which token. */
export interface Site {
  /** The configured address, or the site's own. */
  readonly base: URL
  /** The user named it: pasted addresses of civitai.com and civitai.red are looked up there, too. */
  readonly configured: boolean
  readonly token?: Secret
}

/** Whether a request to `url` may carry the token. */
export function mayCarryToken(url: URL, { base }: Site): boolean {
  if (url.origin === base.origin) return true
  return url.protocol === 'https:' && url.port === '' && API_HOSTS.has(url.hostname)
}

/** The site to ask about a page; undefined if its host is not one of Civitai. */
export function siteFor(url: URL, site: Site): Site | undefined {
  if (url.host === site.base.host) return site
  const base = Object.hasOwn(BASES, url.hostname) ? BASES[url.hostname] : undefined
  if (base === undefined || url.port !== '') return undefined
  return site.configured ? site : { ...site, base: new URL(base) }
}

const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6')

/** Whether a request may stay on this machine or in its own network: only if the user named such a place. */
export function mayBePrivate({ hostname }: URL, { base }: Site): boolean {
  return hostname === base.hostname || isPrivateHost(base.hostname)
}

/** Addresses of this machine or its own network: a redirect from outside has no business there. */
export function isPrivateHost(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const family = isIP(name)
  if (family === 0) return name === 'localhost' || /\.(localhost|local|internal)$/.test(name)
  return PRIVATE.check(name, family === 6 ? 'ipv6' : 'ipv4')
}
