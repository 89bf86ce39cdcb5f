import { describe, expect, it } from 'vitest'
import { openApi } from '../../../src/civitai/api/api.ts'
import { connection } from '../../../src/civitai/http/undici-send.ts'
import { json, startDouble } from '../double.ts'
import { siteOf, testWorld } from '../world.ts'

const FILE = { id: 7, name: 'x.safetensors', bytes: Buffer.from('x') }

async function setup(token?: string) {
  const double = await startDouble()
  double.publish({ id: 3, modelId: 1, files: [FILE] })
  const world = testWorld()
  return { double, world, api: openApi(siteOf(double, token), world) }
}

describe('the API', () => {
  it('is asked again after hiccups, with growing patience', async () => {
    const { double, world, api } = await setup()
    for (const status of [503, 524, 500, 408])
      double.onApi.push((_request, response) => json(response, status, { error: 'x' }))
    expect((await api.version(3)).id).toBe(3)
    expect(world.slept).toEqual([1000, 2000, 4000, 8000])
  })

  it('is left alone after five failures, with exit code 5', async () => {
    const { double, api } = await setup()
    for (let i = 0; i < 9; i++)
      double.onApi.push((_request, response) => json(response, 503, {}, { 'retry-after': '2' }))
    await expect(api.version(3)).rejects.toMatchObject({ code: 'CIVITAI_SERVER', exitCode: 5 })
    expect(double.requests.length).toBe(5)
  })

  it.each([
    [429, { error: "You've requested too many pages, please use cursors instead" }, 'CIVITAI_PAGING'],
    [400, { error: { name: 'ZodError', issues: [] } }, 'CIVITAI_BAD_REQUEST'],
    [404, { error: 'No model with id 3' }, 'CIVITAI_NOT_FOUND'],
    [401, { error: 'Unauthorized' }, 'CIVITAI_LOGIN_REQUIRED'],
    [418, {}, 'CIVITAI_ANSWER'],
  ])('is asked once only after %d %j', async (status, body, code) => {
    const { double, api } = await setup()
    double.onApi.push((_request, response) => json(response, status, body))
    await expect(api.version(3)).rejects.toMatchObject({ code })
    expect(double.requests.length).toBe(1)
  })

  it('tells a server that wants an hour of patience from one that wants seconds', async () => {
    const { double, world, api } = await setup()
    double.onApi.push((_request, response) => json(response, 429, {}, { 'retry-after': '3600' }))
    await expect(api.version(3)).rejects.toMatchObject({ code: 'CIVITAI_RATE_LIMIT', exitCode: 5 })
    expect(world.slept).toEqual([])
  })

  it.each([
    ['a page', '<html><body>Sign in to the hotel network', 'CIVITAI_NOT_JSON'],
    ['something else', '[]', 'CIVITAI_ANSWER'],
    ['half of it', '{"id": 3, "na', 'CIVITAI_NOT_JSON'],
    ['what is nested too deeply to be walked', '['.repeat(101) + ']'.repeat(101), 'CIVITAI_NOT_JSON'],
  ])('that answers %s with status 200 is not believed', async (_, body, code) => {
    const { double, api } = await setup()
    for (let i = 0; i < 2; i++) double.onApi.push((_request, response) => void response.end(body))
    await expect(api.version(3)).rejects.toMatchObject({ code })
  })

  it.each(['{}', '[]', '{"username": null}', '{"username": 3}', 'true'])(
    'that knows no name for a key (%s) does not vouch for it',
    async (body) => {
      const { double, api } = await setup()
      double.onApi.push((_request, response) => void response.end(body))
      await expect(api.me()).rejects.toMatchObject({ code: 'CIVITAI_ANSWER', exitCode: 5 })
    },
  )

  it.each([
    ['"abc|9"', 'abc|9'],
    ['40', '40'],
    ['null', undefined],
    ['-1', undefined],
    ['{}', undefined],
  ])('gives %s as the next cursor of a list: %s', async (cursor, expected) => {
    const { double, api } = await setup()
    const body = `{"items": [null, 3, {"id": 1}], "metadata": {"nextCursor": ${cursor}}}`
    double.onApi.push((_request, response) => void response.end(body))
    const query = { words: 'x', types: [], baseModels: [], nsfw: false, limit: 9 }
    const { models, nextCursor } = await api.search(query)
    expect([models.map(({ id }) => id), nextCursor]).toEqual([[1], expected])
  })

  it('that never stops answering is stopped', async () => {
    const { double, api } = await setup()
    const block = Buffer.alloc(1024 * 1024, ' ')
    double.onApi.push((_request, response) => {
      const send = (): void => {
        while (!response.destroyed && response.write(block));
        if (!response.destroyed) response.once('drain', send)
      }
      send()
    })
    await expect(api.version(3)).rejects.toMatchObject({ code: 'CIVITAI_ANSWER_TOO_LARGE' })
  })

  it('that is not there is named by its host, with exit code 5', async () => {
    const world = testWorld()
    const site = { base: new URL('http://127.0.0.1:1'), configured: true }
    await expect(openApi(site, world).version(3)).rejects.toMatchObject({
      code: 'NETWORK',
      exitCode: 5,
      message: '127.0.0.1:1 refuses the connection',
    })
    expect(world.slept.length).toBe(4)
  })

  it('finds many hashes in one request, and tells whose they are', async () => {
    const { double, api } = await setup()
    // SHA-256 of "x"
    const known = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
    const hashes = [known, ...Array.from({ length: 149 }, (_, i) => i.toString(16).padStart(64, '0'))]
    const found = await api.versionsBySha256(hashes)
    expect(found.map(({ id, files }) => [id, files[0]!.hashes.sha256])).toEqual([[3, known]])
    expect(found[0]!.files[0]!.downloadPath).toBe('/api/download/models/3')
    expect(double.requests.map(({ method }) => method)).toEqual(['POST', 'POST'])
  })

  it('is reached through a proxy where the environment names one', async () => {
    const { createServer } = await import('node:http')
    const { createConnection } = await import('node:net')
    const { onTestFinished } = await import('vitest')
    const { double } = await setup()
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url!)
      const [host, port] = request.url!.split(':')
      const upstream = createConnection(Number(port), host!, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.pipe(socket).pipe(upstream)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('error', () => upstream.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as { port: number }
    const { send, close } = connection(undefined, { http: `http://127.0.0.1:${port}` })
    onTestFinished(async () => {
      await close()
      proxy.closeAllConnections()
      proxy.close()
    })
    const api = openApi(siteOf(double), { ...testWorld(), send })
    expect((await api.version(3)).id).toBe(3)
    expect(tunnels).toEqual([double.base.host])
  })
})
