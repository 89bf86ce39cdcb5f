/** The built command as a process that talks to servers: what is bundled, threads, proxies, kill -9. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { built } from '../built.ts'
import { startDouble } from '../civitai/double.ts'
import { safetensorsFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'

const cli = built('cli.js')

function start(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [cli, ...args], { env: { PATH: process.env.PATH, ...env } })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return { child, done: exitOf(child).then((code) => ({ code, stderr })) }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve))
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('sdtool as a process that talks to servers', () => {
  it('goes through the proxy of the environment, which looks up names itself', async () => {
    const site = await listening(createServer((_, response) => void response.end('{"items": []}')))
    const asked: string[] = []
    const proxy = createServer().on('connect', (request, socket) => {
      asked.push(request.url!)
      const target = connect(site, '127.0.0.1')
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(target).pipe(socket)
      for (const end of [socket, target]) end.on('error', () => {})
    })
    const env = { http_proxy: `http://127.0.0.1:${await listening(proxy)}` }
    const args = ['search', 'x', '--civitai-url', 'http://site.test']
    expect(await start(args, env).done).toEqual({
      code: 0,
      stderr: 'sdtool: nothing was found; --nsfw includes more\n',
    })
    expect(asked).toEqual(['site.test:80'])
    const dead = await start(args, { http_proxy: 'http://127.0.0.1:1' }).done
    expect([dead.code, dead.stderr.split('\n')[0]]).toEqual([
      5,
      'sdtool: site.test: the proxy 127.0.0.1:1 refuses the connection',
    ])
  })

  it('goes on after kill -9 in the middle of a large download', async () => {
    const double = await startDouble()
    const head = safetensorsFile({ x: [20_000_000] }).subarray(0, -40_000_000)
    const bytes = Buffer.concat([head, randomBytes(40_000_000)])
    double.publish({ id: 30, modelId: 10, files: [{ id: 7, name: 'x.safetensors', bytes }] })
    // most of it, and then nothing
    double.onStorage.push((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.byteLength })
      response.write(bytes.subarray(0, 30_000_000))
    })
    const folder = tempFolder()
    const env = { SDTOOL_CIVITAI_URL: double.base.href, SDTOOL_CACHE: join(folder, 'cache') }
    const args = ['download', 'version:30', '-o', join(folder, 'out/'), '--sidecars', 'none']
    const first = start(args, env)
    const part = join(folder, 'out/x.safetensors.part')
    for (let i = 0; i < 1000 && !(existsSync(part) && statSync(part).size > 25_000_000); i++) await wait(20)
    first.child.kill('SIGKILL')
    await first.done
    expect(readdirSync(join(folder, 'out'))).toEqual(['x.safetensors.part', 'x.safetensors.part.json'])
    const { size } = statSync(part)
    expect(await start(args, env).done).toEqual({ code: 0, stderr: '' })
    expect(double.requests.at(-1)!.headers.range).toBe(`bytes=${size}-`)
    expect(readFileSync(join(folder, 'out/x.safetensors')).equals(bytes)).toBe(true)
    expect(readdirSync(join(folder, 'out'))).toEqual(['x.safetensors'])
  })
})
