import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type DownloadJob, download } from '../../../src/civitai/transfer/download.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { built, WITHOUT_BUILD } from '../../built.ts'
import { tempFolder } from '../../temp-folder.ts'
import { answer, type Behaviour, cutAfter, type Double, json, serve, sha256, startDouble } from '../double.ts'
import { siteOf, testWorld } from '../world.ts'

const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
const FILE = { id: 7, name: 'miku.safetensors', bytes: BYTES }

interface Setup {
  readonly double: Double
  readonly folder: string
  readonly target: string
  readonly job: DownloadJob
}

async function setup(over: Partial<DownloadJob> = {}): Promise<Setup> {
  const double = await startDouble()
  double.publish({ id: 3, modelId: 1, files: [FILE] })
  const folder = tempFolder()
  const target = join(folder, 'miku.safetensors')
  const job: DownloadJob = {
    what: 'Miku (version 3)',
    urls: [new URL('/api/download/models/3?fileId=7', double.base)],
    site: siteOf(double),
    target,
    force: false,
    versionId: 3,
    fileId: 7,
    expected: { bytes: BYTES.byteLength, hashes: { sha256: sha256(BYTES).toLowerCase() } },
    ...over,
  }
  return { double, folder, target, job }
}

async function failure(run: Promise<unknown>): Promise<SdtoolError> {
  const error = await run.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(SdtoolError)
  return error as SdtoolError
}

const ranges = ({ requests }: Double) =>
  requests.filter(({ server }) => server === 'storage').map(({ headers }) => headers.range)

describe('a download', () => {
  it('gives the bytes under the name, and leaves nothing else', async () => {
    const { folder, target, job } = await setup()
    const result = await download(job, testWorld())
    expect(result).toEqual({
      path: target,
      bytes: BYTES.byteLength,
      sha256: sha256(BYTES).toLowerCase(),
      verified: ['sha256'],
      resumedFrom: 0,
    })
    expect(readFileSync(target).equals(BYTES)).toBe(true)
    expect(readdirSync(folder)).toEqual(['miku.safetensors'])
  })

  it('goes on where the connection was cut, with a new link and no token for the storage', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push(cutAfter(30_000), cutAfter(1), cutAfter(40_000))
    await download(job, testWorld())
    expect(readFileSync(target).equals(BYTES)).toBe(true)
    expect(ranges(double)).toEqual([undefined, 'bytes=30000-', 'bytes=30001-', 'bytes=70001-'])
    const seen = double.requests.map(({ server, headers }) => [server, headers.authorization !== undefined])
    expect(seen).toEqual(
      Array.from({ length: 4 }, () => [
        ['site', true],
        ['storage', false],
      ]).flat(),
    )
  })

  it('keeps the part of a run that failed, and the next run goes on there', async () => {
    const { double, folder, target, job } = await setup()
    double.onStorage.push(cutAfter(30_000), ...Array.from({ length: 5 }, () => answer(503, 'busy')))
    const error = await failure(download(job, testWorld()))
    expect([error.code, error.exitCode]).toEqual(['CIVITAI_STORAGE', 5])
    expect(readdirSync(folder)).toEqual(['miku.safetensors.part', 'miku.safetensors.part.json'])
    double.onStorage.length = 0
    double.requests.length = 0
    const result = await download(job, testWorld())
    expect(result.resumedFrom).toBe(30_000)
    expect(ranges(double)).toEqual(['bytes=30000-'])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
    expect(readdirSync(folder)).toEqual(['miku.safetensors'])
  })

  it.skipIf(WITHOUT_BUILD)('does all this with a thread that writes and hashes what is large', async () => {
    const bytes = randomBytes(40_000_000)
    const { double, target, job } = await setup({
      expected: { bytes: bytes.byteLength, hashes: { sha256: sha256(bytes).toLowerCase() } },
    })
    double.publish({ id: 3, modelId: 1, files: [{ ...FILE, bytes }] })
    const refusals = Array.from({ length: 5 }, () => answer(503, 'busy'))
    double.onStorage.push(cutAfter(9_999_999), cutAfter(11_000_001), ...refusals)
    const world = testWorld({ partThread: pathToFileURL(built('part-writer-worker.js')) })
    await failure(download(job, world))
    const result = await download(job, world)
    expect(result.resumedFrom).toBe(21_000_000)
    expect(result.sha256).toBe(sha256(bytes).toLowerCase())
    expect(readFileSync(target).equals(bytes)).toBe(true)
  })

  it('starts again when the storage sends the whole file instead of the rest', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push(cutAfter(30_000), (_request, response, file) => void response.end(file.bytes))
    await download(job, testWorld())
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('starts again when the storage sends another part than the one asked for', async () => {
    const { double, target, job } = await setup()
    const wrong: Behaviour = (_request, response, { bytes }) => {
      response.writeHead(206, { 'content-range': `bytes 100-${bytes.byteLength - 1}/${bytes.byteLength}` })
      response.end(bytes.subarray(100))
    }
    double.onStorage.push(cutAfter(30_000), wrong)
    await download(job, testWorld())
    expect(ranges(double)).toEqual([undefined, 'bytes=30000-', undefined])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('takes 416 for the end only if everything is there', async () => {
    const { double, target, job } = await setup()
    writeFileSync(`${target}.part`, BYTES)
    const note = { version: 1, versionId: 3, fileId: 7, sha256: sha256(BYTES).toLowerCase(), remote: {} }
    writeFileSync(`${target}.part.json`, JSON.stringify(note))
    await download(job, testWorld())
    expect(ranges(double)).toEqual([`bytes=${BYTES.byteLength}-`])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('starts again after 416 when the part is longer than the file', async () => {
    const { double, target, job } = await setup()
    writeFileSync(`${target}.part`, Buffer.concat([BYTES, BYTES]))
    const note = { version: 1, versionId: 3, fileId: 7, sha256: sha256(BYTES).toLowerCase(), remote: {} }
    writeFileSync(`${target}.part.json`, JSON.stringify(note))
    await download(job, testWorld())
    expect(ranges(double)).toEqual([`bytes=${2 * BYTES.byteLength}-`, undefined])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('asks for a new link when the old one expires in the middle, and keeps what it has', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push(cutAfter(50_000), answer(403, '<Error>Request has expired</Error>'))
    await download(job, testWorld())
    expect(ranges(double)).toEqual([undefined, 'bytes=50000-', 'bytes=50000-'])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('downloads a damaged part of an earlier run once more', async () => {
    const { target, job } = await setup()
    writeFileSync(`${target}.part`, Buffer.alloc(60_000))
    const note = { version: 1, versionId: 3, fileId: 7, sha256: sha256(BYTES).toLowerCase(), remote: {} }
    writeFileSync(`${target}.part.json`, JSON.stringify(note))
    await download(job, testWorld())
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('leaves the part of another file of the same name, and begins anew', async () => {
    const { double, target, job } = await setup()
    writeFileSync(`${target}.part`, Buffer.alloc(60_000))
    writeFileSync(
      `${target}.part.json`,
      JSON.stringify({ version: 1, versionId: 2, fileId: 5, sha256: 'ab', remote: {} }),
    )
    await download(job, testWorld())
    expect(ranges(double)).toEqual([undefined])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('does not touch a .part that is not its own', async () => {
    const { target, job } = await setup()
    writeFileSync(`${target}.part`, 'of a browser')
    expect((await failure(download(job, testWorld()))).code).toBe('PART_FOREIGN')
    expect(readFileSync(`${target}.part`, 'utf8')).toBe('of a browser')
  })

  it('does not touch a part that another process is writing', async () => {
    const { target, job } = await setup()
    writeFileSync(`${target}.part`, 'of another')
    // the parent of this process is there as long as this one is
    const note = {
      version: 1,
      versionId: 3,
      fileId: 7,
      sha256: sha256(BYTES).toLowerCase(),
      remote: {},
      pid: process.ppid,
    }
    writeFileSync(`${target}.part.json`, JSON.stringify(note))
    expect(await failure(download(job, testWorld()))).toMatchObject({ code: 'PART_BUSY', exitCode: 2 })
    expect(readFileSync(`${target}.part`, 'utf8')).toBe('of another')
    writeFileSync(`${target}.part.json`, JSON.stringify({ ...note, pid: 2 ** 30 }))
    await download(job, testWorld())
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('refuses wrong bytes with both digests, and keeps nothing', async () => {
    const { double, folder, job } = await setup()
    const wrong = Buffer.from(BYTES).fill(0, 500, 600)
    double.onStorage.push((_request, response) => void response.end(wrong))
    const error = await failure(download(job, testWorld()))
    expect(error.code).toBe('CIVITAI_HASH')
    expect(error.message).toContain(sha256(BYTES).toLowerCase())
    expect(error.message).toContain(sha256(wrong).toLowerCase())
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    [
      'a page with status 200',
      answer(200, '<!DOCTYPE html><title>Sign in</title>', { 'content-type': 'text/html' }),
    ],
    [
      'a page sent as bytes',
      answer(200, '\n<html><body>login', { 'content-type': 'application/octet-stream' }),
    ],
    ['an error as JSON', answer(200, '{"error":"x"}', { 'content-type': 'application/json' })],
    ['an error as bytes', answer(200, '{"error":"Unauthorized"}')],
  ])('never saves %s', async (_, behaviour) => {
    const { double, target, job } = await setup({ expected: { hashes: {} } })
    double.onStorage.push(behaviour, behaviour)
    expect((await failure(download(job, testWorld()))).code).toBe('CIVITAI_ERROR_PAGE')
    expect(existsSync(target)).toBe(false)
  })

  it('stops an endless body', async () => {
    const { double, target, job } = await setup()
    let sent = 0
    double.onStorage.push((_request, response) => {
      const send = (): void => {
        while (!response.destroyed && response.write(BYTES)) sent += BYTES.byteLength
        if (!response.destroyed) response.once('drain', send)
      }
      send()
    })
    const error = await failure(download(job, testWorld()))
    expect([error.code, error.exitCode]).toEqual(['CIVITAI_LENGTH', 5])
    expect(existsSync(target)).toBe(false)
    expect(sent).toBeLessThan(20_000_000)
  })

  it('refuses a file of another length before it takes a byte', async () => {
    const { double, folder, job } = await setup()
    double.onStorage.push((_request, response) => {
      response.writeHead(200, { 'content-length': 9e12 })
      response.write('x')
    })
    expect((await failure(download(job, testWorld()))).code).toBe('CIVITAI_LENGTH')
    expect(readdirSync(folder)).not.toContain('miku.safetensors')
  })

  it('reconnects when the server stops sending', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push((_request, response, file) => {
      response.writeHead(200, { 'content-length': file.bytes.byteLength })
      response.write(file.bytes.subarray(0, 1000))
    })
    await download(job, testWorld({ timeouts: { bodyMs: 100 } }))
    expect(ranges(double)).toEqual([undefined, 'bytes=1000-'])
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('reconnects when the server only trickles', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push((_request, response, file) => {
      response.writeHead(200, { 'content-length': file.bytes.byteLength })
      let at = 0
      const timer = setInterval(() => {
        if (response.destroyed) clearInterval(timer)
        else response.write(file.bytes.subarray(at, ++at))
      }, 2)
    })
    // each look at the clock is 10 s later than the one before
    let time = 0
    const now = () => {
      time += 10_000
      return new Date(time)
    }
    await download(job, testWorld({ now }))
    expect(ranges(double).length).toBe(2)
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('gives up a server that always ignores ranges and always cuts', async () => {
    const { double, folder, job } = await setup()
    const cut: Behaviour = (request, response, file) => {
      response.writeHead(200, { 'content-length': file.bytes.byteLength })
      response.write(file.bytes.subarray(0, 20_000), () => request.socket.destroy())
    }
    double.onStorage.push(...Array.from({ length: 50 }, () => cut))
    const error = await failure(download(job, testWorld()))
    expect([error.code, error.exitCode]).toEqual(['NETWORK', 5])
    expect(readdirSync(folder)).not.toContain('miku.safetensors')
    expect(double.requests.length).toBeLessThan(30)
  })

  it('does not replace a file that appeared in the meantime', async () => {
    const { double, target, job } = await setup()
    double.onStorage.push((request, response, file) => {
      writeFileSync(target, 'mine')
      serve(request, response, file)
    })
    expect((await failure(download(job, testWorld()))).code).toBe('OUTPUT_EXISTS')
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })

  it('refuses a zip for a safetensors by the name the storage sends', async () => {
    const { double, job } = await setup()
    double.onStorage.push((request, response, file) => {
      response.setHeader('content-disposition', `attachment; filename*=UTF-8''diffusers.zip`)
      serve(request, response, file)
    })
    expect((await failure(download(job, testWorld()))).code).toBe('CIVITAI_OTHER_FILE')
  })

  it('keeps its part when it is interrupted', async () => {
    const abort = new AbortController()
    const { double, folder, job } = await setup({ onProgress: (done) => done === 10_000 && abort.abort() })
    double.onStorage.push((_request, response, file) => {
      response.writeHead(200, { 'content-length': file.bytes.byteLength })
      response.write(file.bytes.subarray(0, 10_000))
    })
    const run = download(job, testWorld({ signal: abort.signal }))
    await expect(run).rejects.toThrow(/abort/i)
    expect(readFileSync(join(folder, 'miku.safetensors.part')).byteLength).toBe(10_000)
  })

  it('puts what the check refuses into quarantine, under a name no program loads', async () => {
    const check = async () => {
      throw new SdtoolError('PICKLE_UNSAFE', 'names os.system', { exitCode: 3 })
    }
    const { folder, target, job } = await setup({ check })
    const error = await failure(download(job, testWorld()))
    expect([error.code, error.exitCode]).toEqual(['PICKLE_UNSAFE', 3])
    expect(error.message).toContain(`${target}.unsafe`)
    expect(readdirSync(folder)).toEqual(['miku.safetensors.unsafe'])
  })

  it('tries the address the API gives when the one by file id leads nowhere', async () => {
    const { double, target, job } = await setup()
    const urls = [new URL('/api/download/models/3?fileId=99', double.base), ...job.urls]
    await download({ ...job, urls }, testWorld())
    expect(readFileSync(target).equals(BYTES)).toBe(true)
  })

  it('waits as long as the site asks', async () => {
    const { double, job } = await setup()
    double.onLink.push((_request, response) => json(response, 429, { error: 'x' }, { 'retry-after': '7' }))
    const world = testWorld()
    await download(job, world)
    expect(world.slept).toEqual([7000])
  })
})
