/**
 * Measures `sdtool download` of a large file from this machine beside `curl` in the same run: SHA-256, our parser and a
 * durable file on our side, plain bytes on curl's; and curl with what it takes to be as sure (`sha256sum`, `sync`).
 * Medians of several rounds, peak memory of the process. Ratios count; seconds differ from disk to disk.
 *
 *   npx tsx bench/download.ts [--gigabytes 2] [--rounds 3] [--folder DIR]
 */
import { fork, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: join(import.meta.dirname, 'data', 'download') },
    serve: { type: 'boolean', default: false },
  },
})
const BLOCK = Buffer.alloc(1024 * 1024, 'sdtool')
const dataBytes = Math.round(Number(values.gigabytes) * 1e9)

/** One tensor of bytes, so that the finished file is one that sdtool accepts. */
const head = (() => {
  const json = JSON.stringify({ x: { dtype: 'U8', shape: [dataBytes], data_offsets: [0, dataBytes] } })
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, Buffer.from(json)])
})()

function* pieces(): Generator<Buffer> {
  yield head
  for (let left = dataBytes; left > 0; left -= BLOCK.byteLength)
    yield BLOCK.subarray(0, Math.min(left, BLOCK.byteLength))
}

function send(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': head.byteLength + dataBytes, etag: '"1"' })
  const iterator = pieces()
  const push = (): void => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      if (!response.write(next.value)) {
        response.once('drain', push)
        return
      }
    }
    response.end()
  }
  push()
}

/** The site and its storage, in a process of their own. */
function serve(): void {
  const hash = createHash('sha256')
  for (const piece of pieces()) hash.update(piece)
  const file = {
    id: 1,
    name: 'x.safetensors',
    type: 'Model',
    sizeKB: (head.byteLength + dataBytes) / 1024,
    hashes: { SHA256: hash.digest('hex').toUpperCase() },
    primary: true,
  }
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo
    if (request.url!.startsWith('/file')) send(response)
    else if (request.url!.startsWith('/api/download')) {
      response.writeHead(307, { location: `http://localhost:${port}/file?signature=1` }).end()
    } else
      response.end(
        JSON.stringify({ id: 1, modelId: 1, name: 'v1', model: { name: 'x', type: 'LORA' }, files: [file] }),
      )
  })
  server.listen(0, () => process.send!((server.address() as AddressInfo).port))
  process.once('disconnect', () => process.exit())
}

interface Sample {
  readonly seconds: number
  readonly megabytes: number
}

function run(command: readonly string[], env: NodeJS.ProcessEnv): Sample {
  const start = process.hrtime.bigint()
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', 'PEAK %M', ...command], {
    encoding: 'utf8',
    env,
  })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (status !== 0) throw new Error(`${command.join(' ')}\n${stderr}`)
  return { seconds, megabytes: Number(/PEAK (\d+)/.exec(stderr)?.[1] ?? Number.NaN) / 1024 }
}

function median(samples: readonly Sample[]): Sample {
  return [...samples].sort((a, b) => a.seconds - b.seconds)[Math.floor(samples.length / 2)]!
}

async function measure(): Promise<void> {
  const server = fork(import.meta.filename, ['--serve', '--gigabytes', values.gigabytes])
  const port = await new Promise<number>((resolve) =>
    server.once('message', (port) => resolve(port as number)),
  )
  try {
    contest(port)
  } finally {
    server.kill()
    rmSync(values.folder, { recursive: true, force: true })
  }
}

function contest(port: number): void {
  const out = join(values.folder, 'x.safetensors')
  const url = `http://localhost:${port}/file`
  const sure = `curl -s -o "${out}" ${url} && sha256sum "${out}" && sync "${out}"`
  const contestants: Readonly<Record<string, readonly string[]>> = {
    curl: ['curl', '-s', '-o', out, url],
    'curl, sha256sum, sync': ['sh', '-c', sure],
    sdtool: [process.execPath, join(import.meta.dirname, '../dist/cli.js'), 'download', 'version:1', '-o', values.folder, '--quiet'], // biome-ignore format: a command line
  }
  const env = {
    ...process.env,
    SDTOOL_CIVITAI_URL: `http://127.0.0.1:${port}`,
    XDG_CACHE_HOME: values.folder,
  }
  const samples = new Map(Object.keys(contestants).map((name) => [name, [] as Sample[]]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, command] of Object.entries(contestants)) {
      rmSync(values.folder, { recursive: true, force: true })
      mkdirSync(values.folder, { recursive: true })
      const sample = run(command, env)
      samples.get(name)!.push(sample)
      process.stderr.write(`round ${round + 1}  ${name}: ${sample.seconds.toFixed(2)} s\n`)
    }
  }
  const base = median(samples.get('curl')!).seconds
  process.stdout.write('contestant               seconds    MB/s   speed to curl   peak MB\n')
  for (const [name, list] of samples) {
    const { seconds, megabytes } = median(list)
    const speed = dataBytes / 1e6 / seconds
    const columns = [name.padEnd(23), seconds.toFixed(2).padStart(8), speed.toFixed(0).padStart(7)]
    process.stdout.write(
      `${columns.join(' ')}  ${(base / seconds).toFixed(2).padStart(14)}  ${megabytes.toFixed(0).padStart(8)}\n`,
    )
  }
}

if (values.serve) serve()
else await measure()
