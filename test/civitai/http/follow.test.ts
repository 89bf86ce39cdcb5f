import { describe, expect, it } from 'vitest'
import { follow } from '../../../src/civitai/http/follow.ts'
import { isPrivateHost, mayCarryToken, type Site } from '../../../src/civitai/http/hosts.ts'
import type { HttpRequest, HttpWorld } from '../../../src/civitai/http/http.ts'
import { secret } from '../../../src/civitai/http/secret.ts'

const SITE: Site = {
  base: new URL('https://civitai.com'),
  configured: false,
  token: secret('tok-123456', 'CIVITAI_TOKEN'),
}

/** A network that answers each request with the next redirect, then 200. */
function network(...locations: string[]): { world: HttpWorld; requests: HttpRequest[] } {
  const requests: HttpRequest[] = []
  const send: HttpWorld['send'] = async (request) => {
    requests.push(request)
    const location = locations.shift()
    const body = (async function* () {})()
    return {
      status: location === undefined ? 200 : 307,
      headers: location === undefined ? {} : { location },
      body,
      discard() {},
    }
  }
  const world = { send, now: () => new Date(0), random: () => 0, sleep: async () => {}, signal: new AbortController().signal, userAgent: 'sdtool/1' } // biome-ignore format: one world
  return { world, requests }
}

const seen = (requests: readonly HttpRequest[]) =>
  requests.map(({ url, headers }) => [url.host, headers.authorization !== undefined])

describe('a redirect', () => {
  it('takes the Range along and leaves the token behind', async () => {
    const { world, requests } = network(
      'https://b2.civitai.com/file',
      'https://x.r2.cloudflarestorage.com/a?X-Amz-Signature=1',
    )
    await follow(
      { url: new URL('https://civitai.com/api/download/models/1'), headers: { range: 'bytes=5-' } },
      SITE,
      world,
    )
    expect(seen(requests)).toEqual([
      ['civitai.com', true],
      ['b2.civitai.com', false],
      ['x.r2.cloudflarestorage.com', false],
    ])
    expect(requests.every(({ headers }) => headers.range === 'bytes=5-')).toBe(true)
  })

  it('may lead to another name of the site, and back from elsewhere', async () => {
    const { world, requests } = network(
      'https://www.civitai.com/x',
      'https://evil.org/',
      'https://civitai.com/y',
    )
    await follow({ url: new URL('https://civitai.com/') }, SITE, world)
    expect(seen(requests)).toEqual([['civitai.com', true], ['www.civitai.com', true], ['evil.org', false], ['civitai.com', true]]) // biome-ignore format: a table
  })

  it.each([
    ['http://civitai.com/x', /from https to http/],
    ['http://127.0.0.1/admin', /from https to http/],
    ['https://127.0.0.1/admin', /into a private network/],
    ['https://169.254.169.254/latest/meta-data', /into a private network/],
    ['https://[::1]/x', /into a private network/],
    ['https://router.local/x', /into a private network/],
    ['file:///etc/passwd', /not a web address/],
    ['https://', /invalid address/],
  ])('to %s is not followed', async (location, message) => {
    const { world, requests } = network(location)
    await expect(follow({ url: new URL('https://civitai.com/a') }, SITE, world)).rejects.toThrow(message)
    expect(requests.length).toBe(1)
  })

  it('to the login page is a refusal, not a page to read', async () => {
    const login = '/login?returnUrl=x&reason=download-auth'
    const first = network(login)
    const url = new URL('https://civitai.com/api/download/models/1')
    await expect(follow({ url }, SITE, first.world)).rejects.toMatchObject({ code: 'CIVITAI_TOKEN_REFUSED' })
    const { token: _, ...anonymous } = SITE
    await expect(follow({ url }, anonymous, network(login).world)).rejects.toMatchObject({
      code: 'CIVITAI_LOGIN_REQUIRED',
    })
  })

  it('in a circle ends', async () => {
    const { world, requests } = network(...Array.from({ length: 50 }, () => '/again'))
    await expect(follow({ url: new URL('https://civitai.com/a') }, SITE, world)).rejects.toThrow(
      /redirects more than 10 times/,
    )
    expect(requests.length).toBe(11)
  })
})

describe('the token', () => {
  it.each([
    ['https://civitai.com/x', true],
    ['https://www.civitai.com/x', true],
    ['https://civitai.red/x', true],
    ['https://civitai.green/x', true],
    ['https://api.civitai.com/x', true],
    ['http://civitai.com/x', false],
    ['https://civitai.com:8443/x', false],
    ['https://b2.civitai.com/x', false],
    ['https://image.civitai.com/x', false],
    ['https://civitai.com.evil.org/x', false],
    ['https://evilcivitai.com/x', false],
    ['https://civitai.com@evil.org/x', false],
  ])('%s: %s', (url, may) => {
    expect(mayCarryToken(new URL(url), SITE)).toBe(may)
  })

  it('goes to the configured address, to exactly that origin', () => {
    const own = { base: new URL('http://127.0.0.1:8080'), configured: true }
    expect(mayCarryToken(new URL('http://127.0.0.1:8080/api'), own)).toBe(true)
    expect(mayCarryToken(new URL('http://127.0.0.1:8081/api'), own)).toBe(false)
    expect(mayCarryToken(new URL('http://localhost:8080/api'), own)).toBe(false)
  })

  it('cannot be printed by accident', async () => {
    const { inspect } = await import('node:util')
    const token = secret('tok-123456', 'CIVITAI_TOKEN')
    for (const text of [String(token), `${token}`, JSON.stringify({ token }), inspect({ token }), inspect(token, { showHidden: true }), Object.values(token).join()]) // biome-ignore format: all ways
      expect(text).not.toContain('tok-')
    expect(token.reveal()).toBe('tok-123456')
  })
})

describe('a private host', () => {
  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '0.0.0.0',
    '100.64.0.1',
    '[::1]',
    '[fd00::1]',
    '[::ffff:127.0.0.1]',
    'localhost',
    'nas.local',
  ])('%s', (host) => {
    expect(isPrivateHost(new URL(`https://${host}/`).hostname)).toBe(true)
  })

  it.each(['172.32.0.1', '8.8.8.8', '[2606:4700::1]', 'civitai.com', '192.169.0.1'])('%s is none', (host) => {
    expect(isPrivateHost(new URL(`https://${host}/`).hostname)).toBe(false)
  })
})
