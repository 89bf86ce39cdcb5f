/**
 * Measures `sdtool download` of a large file from this machine beside `curl` in the same run. Ratios count; seconds
 * differ from disk to disk, and from one minute to the next where others use the machine: the rounds go from one
 * contestant to the next, and the median of each is what is compared.
 *
 *   npx tsx bench/download.ts [--gigabytes 2] [--rounds 5] [--folder DIR]
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
    rounds: { type: 'string', default: '5' },
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
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

interface Contestant {
  readonly name: string
  /** What is true of the file when it is done. */
  readonly does: string
  readonly command: readonly string[]
}

const OUT = join(values.folder, 'x.safetensors')

function contestants(port: number): readonly Contestant[] {
  const url = `http://localhost:${port}/file`
  const curl = ['curl', '-s', '-o', OUT, url]
  const shell = (...more: readonly string[]) => ['sh', '-c', [curl.join(' '), ...more].join(' && ')]
  const cli = join(import.meta.dirname, '../dist/cli.js')
  return [
    { name: 'curl', does: 'bytes, in the memory of the system', command: curl },
    { name: 'curl + sync', does: 'and on disk', command: shell(`sync ${OUT}`) },
    {
      name: 'curl + sha256sum + sync',
      does: 'and read again for SHA-256',
      command: shell(`sha256sum ${OUT}`, `sync ${OUT}`),
    },
    {
      name: 'sdtool',
      does: 'found by the API, SHA-256 on the way, opened by our parser, on disk, renamed, sidecar beside it',
      command: [process.execPath, cli, 'download', 'version:1', '-o', values.folder, '--quiet'],
    },
  ]
}

function contest(port: number): void {
  const env = {
    ...process.env,
    SDTOOL_CIVITAI_URL: `http://127.0.0.1:${port}`,
    XDG_CACHE_HOME: values.folder,
  }
  const entries = contestants(port).map((contestant) => ({ ...contestant, samples: [] as Sample[] }))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, command, samples } of entries) {
      rmSync(values.folder, { recursive: true, force: true })
      mkdirSync(values.folder, { recursive: true })
      const sample = run(command, env)
      samples.push(sample)
      process.stderr.write(`round ${round + 1}  ${name}: ${sample.seconds.toFixed(2)} s\n`)
    }
  }
  report(entries)
}

function report(
  entries: readonly (Pick<Contestant, 'name' | 'does'> & { readonly samples: readonly Sample[] })[],
): void {
  const secondsOf = (samples: readonly Sample[]) => median(samples.map(({ seconds }) => seconds))
  const [curl, synced] = entries.map(({ samples }) => secondsOf(samples)) as [number, number]
  const out = (line: string) => process.stdout.write(`${line}\n`)
  out('medians                  seconds (all rounds)   MB/s  to curl  to curl + sync  peak MB')
  for (const { name, samples } of entries) {
    const seconds = secondsOf(samples)
    const all = samples.map(({ seconds }) => seconds)
    const range = `${seconds.toFixed(2)} (${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)})`
    const columns = [
      name.padEnd(24),
      range.padStart(20),
      (dataBytes / 1e6 / seconds).toFixed(0).padStart(6),
      (curl / seconds).toFixed(2).padStart(8),
      (synced / seconds).toFixed(2).padStart(15),
      median(samples.map(({ megabytes }) => megabytes))
        .toFixed(0)
        .padStart(8),
    ]
    out(columns.join(' '))
  }
  for (const { name, does } of entries) out(`${name}: ${does}`)
}

if (values.serve) serve()
else await measure()
