import { createServer } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { follow } from '../../../src/civitai/http/follow.ts'
import { publicLookup } from '../../../src/civitai/http/public-lookup.ts'
import { connection, TIMEOUTS } from '../../../src/civitai/http/undici-send.ts'
import { testWorld } from '../world.ts'

type Address = { readonly address: string; readonly family: number }

/** Names as a test wants them; every other is unknown. */
function names(addresses: Readonly<Record<string, readonly string[]>>): LookupFunction {
  return (hostname, { all }, callback) => {
    const found: Address[] = (addresses[hostname] ?? []).map((address) => {
      return { address, family: address.includes(':') ? 6 : 4 }
    })
    if (found.length === 0)
      callback(Object.assign(new Error(`unknown ${hostname}`), { code: 'ENOTFOUND' }), '', 4)
    else if (all) callback(null, found)
    else callback(null, found[0]!.address, found[0]!.family)
  }
}

function lookUp(lookup: LookupFunction, hostname: string, all: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all }, (error, address) => (error ? reject(error) : resolve(address)))
  })
}

describe('publicLookup', () => {
  const lookup = publicLookup(
    names({ 'a.org': ['1.2.3.4', '2606:4700::1'], 'b.org': ['1.2.3.4', '10.0.0.1'], 'c.org': ['::1'] }),
  )

  it.each([false, true])('gives public addresses (all: %s)', async (all) => {
    const first = { address: '1.2.3.4', family: 4 }
    const found = all ? [first, { address: '2606:4700::1', family: 6 }] : first.address
    expect(await lookUp(lookup, 'a.org', all)).toEqual(found)
  })

  it('refuses a name if one of its addresses is private', async () => {
    await expect(lookUp(lookup, 'b.org', true)).rejects.toMatchObject({
      code: 'PRIVATE_ADDRESS',
      message: 'b.org is 10.0.0.1',
    })
    await expect(lookUp(lookup, 'c.org', false)).rejects.toMatchObject({ code: 'PRIVATE_ADDRESS' })
  })

  it('says it when a name is unknown', async () => {
    await expect(lookUp(lookup, 'd.org', true)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })
})

describe('a redirect to a name that leads to this machine', () => {
  /** A site that redirects to the same server under another name. */
  async function rebound(baseHost: string) {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.headers.host!.split(':')[0]!)
      if (request.url === '/') response.writeHead(307, { location: `http://evil.test:${port}/secret` }).end()
      else response.end('secret')
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const lookup = names({ 'site.test': ['127.0.0.1'], 'evil.test': ['127.0.0.1'] })
    const { send, close } = connection(TIMEOUTS, {}, lookup)
    onTestFinished(close)
    const base = new URL(`http://${baseHost}:${port}`)
    const run = follow({ url: new URL('/', base) }, { base, configured: true }, testWorld({ send }))
    return { asked, run }
  }

  it('is not followed, though the person may name one', async () => {
    const { asked, run } = await rebound('site.test')
    await expect(run).rejects.toMatchObject({
      code: 'CIVITAI_REDIRECT',
      message: expect.stringContaining('into a private network (evil.test is 127.0.0.1)'),
    })
    expect(asked).toEqual(['site.test'])
  })

  it('is followed where the site itself is on this machine', async () => {
    const { asked, run } = await rebound('127.0.0.1')
    expect((await run).answer.status).toBe(200)
    expect(asked).toEqual(['127.0.0.1', 'evil.test'])
  })
})
