import { describe, expect, it } from 'vitest'
import { openRemote } from '../../../src/civitai/transfer/remote-file.ts'
import { fc } from '../../properties.ts'
import { answer, cutAfter, startDouble } from '../double.ts'
import { siteOf, testWorld } from '../world.ts'

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 37 + (i >> 7)) & 255))

async function setup(bytes = BYTES, budget?: { requests: number; bytes: number }) {
  const double = await startDouble()
  double.publish({ id: 3, modelId: 1, files: [{ id: 7, name: 'x.bin', bytes }] })
  const url = new URL('/api/download/models/3?fileId=7', double.base)
  const open = () =>
    openRemote({ name: 'x.bin', url, site: siteOf(double), ...(budget && { budget }) }, testWorld())
  return { double, open }
}

describe('a file on a server', () => {
  it('gives the same bytes as the file, at any place, at the same time', async () => {
    const { open } = await setup()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(BYTES.byteLength), fc.nat(40_000)), { minLength: 1, maxLength: 8 }),
        async (places) => {
          const { source, spent } = await open()
          expect(source.file).toEqual({ path: 'x.bin', size: BYTES.byteLength })
          const reads = places.map(async ([at, count]) => {
            const length = Math.min(count, BYTES.byteLength - at)
            expect(BYTES.subarray(at, at + length).equals(await source.read(at, length))).toBe(true)
          })
          await Promise.all(reads)
          expect(spent.requests).toBeLessThanOrEqual(1 + 2 * places.length)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('ends where it ends', async () => {
    const { source } = await (await setup()).open()
    await expect(source.read(BYTES.byteLength - 1, 2)).rejects.toMatchObject({ code: 'FILE_TRUNCATED' })
    expect([...(await source.read(BYTES.byteLength, 0))]).toEqual([])
  })

  it('may be smaller than what is asked for first, and given as a whole', async () => {
    const small = BYTES.subarray(0, 100)
    const { double, open } = await setup(small)
    expect((await open()).source.file.size).toBe(100)
    double.onStorage.push((_request, response) => {
      response.writeHead(200, { 'content-length': 100 }).end(small)
    })
    const { source } = await open()
    expect(small.subarray(50).equals(await source.read(50, 50))).toBe(true)
  })

  it('survives a cut and an expired link', async () => {
    const { double, open } = await setup()
    double.onStorage.push(cutAfter(10), answer(403, '<Error>Expired</Error>'))
    const { source, spent } = await open()
    expect(BYTES.subarray(0, 9).equals(await source.read(0, 9))).toBe(true)
    expect(spent.requests).toBe(3)
  })

  it('is refused when it changes while it is read', async () => {
    const { double, open } = await setup()
    const { source } = await open()
    double.publish({
      id: 3,
      modelId: 1,
      files: [{ id: 7, name: 'x.bin', bytes: BYTES.subarray(0, 200_000) }],
    })
    await expect(source.read(150_000, 10)).rejects.toMatchObject({ code: 'REMOTE_CHANGED' })
  })

  it('costs no more than it may', async () => {
    const few = await (await setup(BYTES, { requests: 2, bytes: 1e9 })).open()
    await few.source.read(100_000, 1)
    await expect(few.source.read(200_000, 1)).rejects.toMatchObject({ code: 'REMOTE_BUDGET', exitCode: 3 })
    const little = await (await setup(BYTES, { requests: 99, bytes: 100_000 })).open()
    await expect(little.source.read(100_000, 50_000)).rejects.toMatchObject({ code: 'REMOTE_BUDGET' })
  })

  it('is not there if the server sends a page', async () => {
    const { double, open } = await setup()
    const page = answer(200, '<html>log in', { 'content-type': 'text/html' })
    double.onStorage.push(page, page)
    await expect(open()).rejects.toMatchObject({ code: 'CIVITAI_ERROR_PAGE' })
  })
})
