/** A server that does not answer is given up in a stated time, in whatever stage it stops. */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type LookupFunction, type Server as TcpServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openApi } from '../../src/civitai/api/api.ts'
import { versionOf } from '../../src/civitai/api/shapes.ts'
import type { Site } from '../../src/civitai/http/hosts.ts'
import { type HttpWorld, PATIENCE } from '../../src/civitai/http/http.ts'
import { connection, type Proxies, TIMEOUTS } from '../../src/civitai/http/undici-send.ts'
import { writeSidecars } from '../../src/civitai/plan/sidecars.ts'
import { download } from '../../src/civitai/transfer/download.ts'
import { openRemote } from '../../src/civitai/transfer/remote-file.ts'
import { tempFolder } from '../temp-folder.ts'
import { testWorld } from './world.ts'

const SHORT = { connectMs: 300, headersMs: 300, bodyMs: 300 }
const LONG = { connectMs: 60_000, headersMs: 60_000, bodyMs: 60_000 }
const PATIENT = { answerMs: 60_000, wholeMs: 60_000 }
const IMPATIENT = { answerMs: 400, wholeMs: 400 }

async function portOf(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}

/** Takes connections and says nothing. */
function silent(): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
  })
  return portOf(server)
}

/** Writes a piece of text every so often. */
function dribbling(first: string, piece: string): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.write(first)
    const timer = setInterval(() => socket.write(piece), 20)
    socket.on('close', () => clearInterval(timer))
    onTestFinished(() => void socket.destroy())
  })
  return portOf(server)
}

/** Sends everybody somewhere else, after some time. */
function wandering(): Promise<number> {
  return portOf(
    createServer((request, response) => {
      setTimeout(() => response.writeHead(302, { location: `${request.url}1` }).end(), 150)
    }),
  )
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 5000\r\n\r\n'
const nobody: LookupFunction = () => {}

interface Stage {
  /** Of the site. */
  start(): Promise<{ readonly base: string; readonly lookup?: LookupFunction; readonly proxies?: Proxies }>
  /** Which of the limits ends it. */
  readonly by: 'timeouts' | 'patience'
  /** What a person reads. */
  readonly said: RegExp
}

const at = (scheme: string) => async (port: Promise<number>) => ({
  base: `${scheme}://127.0.0.1:${await port}`,
})
const plain = at('http')
const viaProxy = async (port: Promise<number>) => ({
  base: 'https://civitai.test',
  proxies: { https: `http://127.0.0.1:${await port}` },
})

const STAGES: Readonly<Record<string, Stage>> = {
  'the name is not found out': {
    start: async () => ({ base: 'http://civitai.test', lookup: nobody }),
    by: 'timeouts',
    said: /does not answer \(waited 0\.3 s\)/,
  },
  'the connection is not made safe': {
    start: () => at('https')(silent()),
    by: 'timeouts',
    said: /does not answer \(waited 0\.3 s\)/,
  },
  'a proxy says nothing': {
    start: () => viaProxy(silent()),
    by: 'patience',
    said: /takes too long to answer \(waited 0\.4 s\)/,
  },
  'no answer begins': {
    start: () => plain(silent()),
    by: 'timeouts',
    said: /accepted the request, but does not answer \(waited 0\.3 s\)/,
  },
  'the headers never end': {
    start: () => plain(dribbling('HTTP/1.1 200 OK\r\n', 'x: y\r\n')),
    by: 'patience',
    said: /takes too long to answer \(waited 0\.4 s\)/,
  },
  'redirects lead on and on, slowly': {
    start: () => plain(wandering()),
    by: 'patience',
    said: /takes too long to answer \(waited 0\.4 s\)/,
  },
  'the body stops': {
    start: () => plain(dribbling(HEAD, '')),
    by: 'timeouts',
    said: /stopped sending \(waited 0\.3 s\)/,
  },
}

/** Of an answer that is kept in memory; a download has another limit for this. */
const WHOLE_ONLY: Readonly<Record<string, Stage>> = {
  'the body comes byte by byte': {
    start: () => plain(dribbling(HEAD, 'x')),
    by: 'patience',
    said: /takes too long to answer \(waited 0\.4 s\)/,
  },
}

async function worldOf({ start, by }: Stage): Promise<{ site: Site; world: HttpWorld; slept: number[] }> {
  const { base, lookup, proxies } = await start()
  const { send, close } = connection(by === 'timeouts' ? SHORT : LONG, proxies, lookup)
  onTestFinished(close)
  const world = testWorld({ send, patience: by === 'patience' ? IMPATIENT : PATIENT })
  return { site: { base: new URL(base), configured: true }, world, slept: world.slept }
}

async function failureOf(
  run: Promise<unknown>,
): Promise<{ code: string; exitCode: number; message: string }> {
  return run.then(
    () => expect.fail('it should not work'),
    (error) => error,
  )
}

describe.each(Object.entries({ ...STAGES, ...WHOLE_ONLY }))('where %s', (name, stage) => {
  it('a question to the API ends, after one more try', async () => {
    const { site, world, slept } = await worldOf(stage)
    const error = await failureOf(openApi(site, world).version(3))
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 5 })
    expect(error.message).toMatch(stage.said)
    expect(slept.length).toBe(1)
  })

  it('a look into a remote file ends', async () => {
    const { site, world, slept } = await worldOf(stage)
    const error = await failureOf(openRemote({ name: 'x', url: new URL('/f', site.base), site }, world))
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 5 })
    expect(error.message).toMatch(stage.said)
    expect(slept.length).toBe(1)
  })

  it('a preview ends, and is told', async () => {
    const { site, world } = await worldOf(stage)
    const images = [{ type: 'image', url: new URL('/p.jpeg', site.base).href }]
    const version = versionOf({ id: 3, images }, new Date(0))!
    const job = { path: `${tempFolder()}/m.safetensors`, version, kinds: ['preview'] as const }
    const { written, problems } = await writeSidecars(job, site, world)
    expect([written, problems]).toEqual([[], [expect.stringMatching(stage.said)]])
  })

  it.skipIf(name in WHOLE_ONLY)('a download ends, and leaves nothing', async () => {
    const { site, world, slept } = await worldOf(stage)
    const folder = tempFolder()
    const error = await failureOf(
      download(
        {
          what: 'x',
          urls: [new URL('/f', site.base)],
          site,
          target: `${folder}/deep/m.safetensors`,
          force: false,
          versionId: 3,
          expected: { hashes: {} },
        },
        world,
      ),
    )
    expect(error).toMatchObject({ code: 'NETWORK', exitCode: 5 })
    expect(error.message).toMatch(stage.said)
    expect(slept.length).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })
})

it('the limits are those the README states', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8').replaceAll(/\s+/g, ' ')
  const { connectMs, headersMs, bodyMs } = TIMEOUTS
  const seconds = [connectMs, headersMs, PATIENCE.answerMs, PATIENCE.wholeMs, bodyMs].map((ms) => ms / 1000)
  const [connect, answer, begin, whole, pause] = seconds
  expect(readme).toContain(
    `${connect} s to connect, ${answer} s until it answers, ${begin} s until a download begins, ${whole} s for a whole answer of the API, ${pause} s without a byte`,
  )
})
