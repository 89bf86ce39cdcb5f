/**
 * A stand-in for Civitai: the site and a storage as two real servers on different hosts of this machine. It behaves as
 * civitai/civitai's own routes do; tests script what goes wrong.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { onTestFinished } from 'vitest'

export interface StoredFile {
  readonly id: number
  readonly name: string
  readonly bytes: Buffer
  /** Merged over the description the site gives. */
  readonly facts?: Readonly<Record<string, unknown>>
}

export interface StoredVersion {
  readonly id: number
  readonly modelId: number
  readonly name?: string
  readonly modelName?: string
  readonly modelType?: string
  readonly files: readonly StoredFile[]
  readonly facts?: Readonly<Record<string, unknown>>
}

export interface Recorded {
  readonly server: 'site' | 'storage'
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse, file: StoredFile) => void

export interface Double {
  readonly base: URL
  readonly storage: URL
  readonly requests: Recorded[]
  /** The only token the site knows. */
  readonly token: string
  /** Files are given to people who are logged in only. */
  loginRequired: boolean
  /** Each answers one request for a download link; then the site is itself again. */
  readonly onLink: Behaviour[]
  /** Each answers one request to the storage; then the storage is itself again. */
  readonly onStorage: Behaviour[]
  /** Each answers one request to any other route of the site. */
  readonly onApi: ((request: IncomingMessage, response: ServerResponse) => void)[]
  /** What every address below /img/ gives. */
  onPicture: Buffer
  publish(version: StoredVersion): void
}

const LOGIN_REQUIRED = {
  error: 'Unauthorized',
  message: 'The creator of this asset requires you to be logged in to download it',
}

export const TOKEN = 'tok-3141592653589793'

/** Servers for one test, closed when it ends. */
export async function startDouble(): Promise<Double> {
  const versions = new Map<number, StoredVersion>()
  const requests: Recorded[] = []
  const links = new Map<string, StoredFile>()
  const site = createServer((request, response) => siteAnswer(request, response))
  const storage = createServer((request, response) => storageAnswer(request, response))
  const base = new URL(`http://127.0.0.1:${await listen(site, '127.0.0.1')}`)
  const storageUrl = new URL(`http://localhost:${await listen(storage, 'localhost')}`)
  const double: Double = {
    base,
    storage: storageUrl,
    requests,
    token: TOKEN,
    loginRequired: false,
    onLink: [],
    onStorage: [],
    onApi: [],
    onPicture: Buffer.alloc(0),
    publish: (version) => void versions.set(version.id, version),
  }

  function siteAnswer(request: IncomingMessage, response: ServerResponse): void {
    record('site', request)
    const url = new URL(request.url!, base)
    const download = /^\/api\/download\/models\/(\d+)$/.exec(url.pathname)
    const scripted = download ? undefined : double.onApi.shift()
    if (download) linkAnswer(request, response, url, Number(download[1]))
    else if (scripted) scripted(request, response)
    else if (url.pathname.startsWith('/img/')) response.end(double.onPicture)
    else void apiAnswer(request, url).then(([status, body]) => json(response, status, body))
  }

  function linkAnswer(request: IncomingMessage, response: ServerResponse, url: URL, id: number): void {
    const version = versions.get(id)
    const wanted = url.searchParams.get('fileId')
    const file = version?.files.find((file) => wanted === null || file.id === Number(wanted))
    const scripted = file && double.onLink.shift()
    if (!file) json(response, 404, { error: 'File not found' })
    else if (scripted) scripted(request, response, file)
    else if (double.loginRequired && !isKnown(request)) json(response, 401, LOGIN_REQUIRED)
    else sendLink(response, file)
  }

  function sendLink(response: ServerResponse, file: StoredFile): void {
    const signature = `sig${links.size}`
    links.set(signature, file)
    const disposition = encodeURIComponent(`attachment; filename="${file.name.replaceAll(/[^ -~]/g, '_')}"`)
    const location = `${storageUrl.origin}/bucket/${file.id}?X-Amz-Signature=${signature}&response-content-disposition=${disposition}`
    response.writeHead(307, { location, 'cache-control': 'no-store' }).end()
  }

  function storageAnswer(request: IncomingMessage, response: ServerResponse): void {
    record('storage', request)
    const { authorization, cookie } = request.headers
    const url = new URL(request.url!, storageUrl)
    const file = links.get(url.searchParams.get('X-Amz-Signature') ?? '')
    // as R2 does with a presigned address and a header it did not sign
    if (authorization !== undefined || cookie !== undefined)
      answer(400, '<Error>InvalidRequest</Error>')(request, response, file!)
    else if (!file) answer(403, '<Error>Expired</Error>')(request, response, file!)
    else (double.onStorage.shift() ?? serve)(request, response, file)
  }

  async function apiAnswer(request: IncomingMessage, url: URL): Promise<[status: number, body: unknown]> {
    const path = url.pathname.replace('/api/v1/', '')
    if (path === 'me')
      return isKnown(request)
        ? [200, { id: 1, username: 'ada', tier: 'free' }]
        : [401, { error: 'Unauthorized' }]
    if (path === 'model-versions/by-hash' && request.method === 'POST') {
      const hashes = new Set(JSON.parse(await text(request)) as string[])
      const found = [...versions.values()].filter(({ files }) =>
        files.some((file) => hashes.has(sha256(file.bytes))),
      )
      return [200, [null, ...found.map((version) => versionJson(version, 'https://undefined'))]]
    }
    const [, kind, id = ''] = /^(models|model-versions|model-versions\/by-hash)\/(\w+)$/.exec(path) ?? []
    if (kind === 'model-versions/by-hash') return byHash(id)
    if (kind === 'model-versions') {
      const version = versions.get(Number(id))
      return version ? [200, versionJson(version, base.origin)] : [404, { error: 'Model not found' }]
    }
    if (kind === 'models') {
      const model = modelJson(Number(id))
      return model ? [200, model] : [404, { error: `No model with id ${id}` }]
    }
    if (path === 'models') return [200, list(url)]
    if (path === 'enums') return [200, { ModelType: ['LORA', 'Notebook'], BaseModel: ['Pony', 'Flux.3 D'] }]
    return [404, { error: 'Not found' }]
  }

  function byHash(hash: string): [status: number, body: unknown] {
    // the site compares upper-case strings, nothing else
    const found = [...versions.values()].find(({ files }) =>
      files.some((file) => Object.values(fileJson(file, base.origin, 0).hashes).includes(hash)),
    )
    return found ? [200, versionJson(found, base.origin)] : [404, { error: 'Model not found' }]
  }

  function modelJson(id: number): Record<string, unknown> | undefined {
    const own = [...versions.values()].filter(({ modelId }) => modelId === id).sort((a, b) => b.id - a.id)
    const first = own[0]
    if (!first) return undefined
    return {
      id,
      name: first.modelName ?? 'Model',
      type: first.modelType ?? 'LORA',
      nsfw: false,
      stats: { downloadCount: 100 * id, thumbsUpCount: 97, thumbsDownCount: 3 },
      creator: { username: 'ada' },
      tags: [],
      modelVersions: own.map((version) => versionJson(version, base.origin)),
    }
  }

  /** Two models a page, by cursor; `nextPage` repeats the query as the site does. */
  function list(url: URL): unknown {
    const ids = url.searchParams.get('ids')?.split(',').map(Number)
    const all = [...new Set([...versions.values()].map(({ modelId }) => modelId))]
      .filter((id) => !ids || ids.includes(id))
      .map((id) => modelJson(id)!)
      .filter(({ name }) =>
        String(name)
          .toLowerCase()
          .includes((url.searchParams.get('query') ?? '').toLowerCase()),
      )
    const start = Number(url.searchParams.get('cursor') ?? 0)
    const items = all.slice(start, start + Math.min(2, Number(url.searchParams.get('limit'))))
    const more = start + items.length < all.length
    const nextPage = `${url.href}&cursor=${start + items.length}`
    return { items, metadata: more ? { nextCursor: String(start + items.length), nextPage } : {} }
  }

  function record(server: Recorded['server'], request: IncomingMessage): void {
    requests.push({ server, method: request.method!, url: request.url!, headers: request.headers })
  }

  onTestFinished(() => {
    for (const server of [site, storage]) {
      server.closeAllConnections()
      server.close()
    }
  })
  return double
}

async function listen(server: Server, host: string): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function isKnown({ headers }: IncomingMessage): boolean {
  return headers.authorization === `Bearer ${TOKEN}`
}

export function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(body))
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').toUpperCase()
}

function fileJson({ id, name, bytes, facts }: StoredFile, origin: string, versionId: number) {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return {
    id,
    sizeKB: bytes.byteLength / 1024,
    name,
    type: 'Model',
    pickleScanResult: 'Success',
    virusScanResult: 'Success',
    metadata: { format: 'SafeTensor', size: null, fp: null },
    hashes: {
      SHA256: sha256(bytes),
      AutoV2: sha256(bytes).slice(0, 10),
      CRC32: sum.toString('hex').toUpperCase(),
    },
    primary: true,
    downloadUrl: `${origin}/api/download/models/${versionId}`,
    ...facts,
  }
}

function versionJson(version: StoredVersion, origin: string): Record<string, unknown> {
  const { id, modelId, name, modelName, modelType, files, facts } = version
  return {
    id,
    modelId,
    name: name ?? 'v1.0',
    status: 'Published',
    publishedAt: '2024-03-19T09:43:08.854Z',
    trainedWords: ['fukawa_miku'],
    baseModel: 'Pony',
    description: null,
    usageControl: 'Download',
    paidAccess: null,
    model: { name: modelName ?? 'Model', type: modelType ?? 'LORA', nsfw: false, poi: false },
    files: files.map((file) => fileJson(file, origin, id)),
    images: [],
    ...facts,
  }
}

const RANGE = /^bytes=(\d+)-(\d*)$/

/** What a storage does: whole files, ranges, and If-Range. */
export function serve(request: IncomingMessage, response: ServerResponse, { bytes }: StoredFile): void {
  const etag = `"${sha256(bytes).slice(0, 32)}"`
  const range = RANGE.exec(request.headers.range ?? '')
  const condition = request.headers['if-range']
  const common = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' }
  if (!range || (condition !== undefined && condition !== etag)) {
    response.writeHead(200, { ...common, 'content-length': bytes.byteLength }).end(bytes)
    return
  }
  const start = Number(range[1])
  const end = Math.min(range[2] === '' ? Number.POSITIVE_INFINITY : Number(range[2]) + 1, bytes.byteLength)
  if (start >= bytes.byteLength) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}` }).end()
    return
  }
  response.writeHead(206, {
    ...common,
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${bytes.byteLength}`,
  })
  response.end(bytes.subarray(start, end))
}

/** Sends so many bytes of the answer, then cuts the connection. */
export function cutAfter(count: number): Behaviour {
  return (request, response, file) => {
    const range = RANGE.exec(request.headers.range ?? '')
    const start = Number(range?.[1] ?? 0)
    const { bytes } = file
    const headers = { 'content-length': bytes.byteLength - start, etag: `"${sha256(bytes).slice(0, 32)}"` }
    if (range)
      response.writeHead(206, {
        ...headers,
        'content-range': `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}`,
      })
    else response.writeHead(200, headers)
    response.write(bytes.subarray(start, start + count), () => request.socket.destroy())
  }
}

export function answer(
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Behaviour {
  return (_request, response) => void response.writeHead(status, headers).end(body)
}
