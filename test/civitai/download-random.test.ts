/** A thousand downloads through storages that do whatever storages do: the right bytes or a clear error, nothing else. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { download } from '../../src/civitai/transfer/download.ts'
import { SdtoolError } from '../../src/system/errors.ts'
import { fc } from '../properties.ts'
import { answer, type Behaviour, cutAfter, serve, sha256, startDouble } from './double.ts'
import { siteOf, testWorld } from './world.ts'

const RUNS = 1000
const MAX_BYTES = 40_000

/** Bytes of a pseudo-random sequence: no two places look alike, so that a shifted or repeated piece shows. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed | 1
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223
    bytes[i] = state >>> 24
  }
  return bytes
}

/** In memory where the system has such a place: each download waits for the disk to confirm it. */
function fastFolder(): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sdtool-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What a storage may do with one request. */
const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(MAX_BYTES).map(cutAfter) },
  { weight: 2, arbitrary: fc.constant<Behaviour>(serve) },
  // the whole file instead of the rest
  {
    weight: 2,
    arbitrary: fc.constant<Behaviour>((_request, response, { bytes }) => void response.end(bytes)),
  },
  // the whole file instead of the rest, and only the beginning of it
  {
    weight: 1,
    arbitrary: fc.nat(MAX_BYTES).map(
      (count): Behaviour =>
        (request, response, { bytes }) => {
          response.writeHead(200, { 'content-length': bytes.byteLength })
          response.write(bytes.subarray(0, count), () => request.socket.destroy())
        },
    ),
  },
  // another part than the one asked for
  {
    weight: 1,
    arbitrary: fc.nat(MAX_BYTES).map(
      (from): Behaviour =>
        (_request, response, { bytes }) => {
          response.writeHead(206, {
            'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}`,
          })
          response.end(bytes.subarray(from))
        },
    ),
  },
  // the right part by its name, wrong bytes in it
  {
    weight: 1,
    arbitrary: fc.constant<Behaviour>((request, response, file) =>
      serve(request, response, { ...file, bytes: Buffer.from(file.bytes).reverse() }),
    ),
  },
  // a body without a length, cut where nobody can see that it was cut
  {
    weight: 1,
    arbitrary: fc.nat(MAX_BYTES).map(
      (count): Behaviour =>
        (_request, response, { bytes }) => {
          response.end(bytes.subarray(0, count))
        },
    ),
  },
  { weight: 1, arbitrary: fc.constant(answer(416, '')) },
  { weight: 1, arbitrary: fc.constantFrom(403, 400, 500, 503).map((status) => answer(status, '<Error/>')) },
  { weight: 1, arbitrary: fc.constant(answer(200, '<html><body>log in', { 'content-type': 'text/html' })) },
)

const scenario = fc.record({
  size: fc.integer({ min: 1, max: MAX_BYTES }),
  seed: fc.integer(),
  /** Runs of the command: what the storage does, in order, and the byte at which the person presses Ctrl-C. */
  runs: fc.array(
    fc.record({
      behaviours: fc.array(behaviour, { maxLength: 6 }),
      stopAt: fc.option(fc.nat(MAX_BYTES), { nil: Number.POSITIVE_INFINITY }),
    }),
    { minLength: 2, maxLength: 4 },
  ),
})

describe('random downloads', () => {
  it(`${RUNS} of them give the right bytes or a clear error, never a wrong file under the final name`, async () => {
    const double = await startDouble()
    const folder = fastFolder()
    const world = testWorld()
    const target = join(folder, 'x.safetensors')
    const site = siteOf(double)
    let right = 0
    let resumed = 0
    await fc.assert(
      fc.asyncProperty(scenario, async ({ size, seed, runs }) => {
        for (const ending of ['', '.part', '.part.json']) rmSync(target + ending, { force: true })
        const bytes = noise(size, seed)
        double.publish({ id: 3, modelId: 1, files: [{ id: 7, name: 'x.safetensors', bytes }] })
        const job = {
          what: 'x',
          urls: [new URL('/api/download/models/3?fileId=7', double.base)],
          site,
          target,
          force: false,
          versionId: 3,
          fileId: 7,
          expected: { bytes: size, hashes: { sha256: sha256(bytes).toLowerCase() } },
        }
        for (const { behaviours, stopAt } of runs) {
          if (existsSync(target)) break
          double.onStorage.length = 0
          double.onStorage.push(...behaviours)
          const abort = new AbortController()
          const onProgress = (done: number) => done >= stopAt && abort.abort()
          const run = download({ ...job, onProgress }, { ...world, signal: abort.signal })
          const error = await run.then(
            ({ resumedFrom }) => {
              resumed += resumedFrom > 0 ? 1 : 0
              return undefined
            },
            (error: unknown) => error,
          )
          if (error === undefined) {
            right++
            expect(readFileSync(target).equals(bytes)).toBe(true)
            expect(existsSync(`${target}.part`)).toBe(false)
          } else {
            expect(
              error instanceof SdtoolError || (error as Error).name === 'AbortError',
              String(error),
            ).toBe(true)
            expect(existsSync(target)).toBe(false)
          }
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
    // the test tests something: most got there, many across runs
    expect(right).toBeGreaterThan(RUNS / 2)
    expect(resumed).toBeGreaterThan(RUNS / 25)
  }, 300_000)
})
