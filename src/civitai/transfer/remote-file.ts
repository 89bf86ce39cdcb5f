/** A file on a server as a source of bytes: parsers read it as they read a file on disk. */

import type { ByteSource } from '../../system/bytes.ts'
import { EXIT, refuse, SdtoolError } from '../../system/errors.ts'
import { messages as systemMessages } from '../../system/messages.ts'
import { inParallel } from '../../system/parallel.ts'
import { siteRefusal } from '../api/api.ts'
import { type Followed, follow } from '../http/follow.ts'
import type { Site } from '../http/hosts.ts'
import { deadline, type HttpWorld, networkError } from '../http/http.ts'
import { type Attempt, againAfter, type Failure, withRetries } from '../http/retry.ts'
import { readDelivery, storageRefusal } from './delivery.ts'
import { type ByteRange, fewRanges } from './few-ranges.ts'
import { messages } from './messages.ts'

/** What reading parts of a file may cost. */
export interface Budget {
  readonly requests: number
  readonly bytes: number
}

/** A header of Flux with T5 has 0.2 MB, the pickle of a checkpoint with optimizer 1 MB, a directory of zip 0.2 MB. */
export const INSPECT_BUDGET: Budget = { requests: 100, bytes: 32 * 1024 * 1024 }

export interface RemoteFile {
  readonly source: ByteSource
  /** Fetches many ranges with few requests. False where that costs too much; then nothing is fetched. */
  prefetch(places: readonly ByteRange[]): Promise<boolean>
  /** So far. */
  readonly spent: Budget
}

export interface RemoteOptions {
  /** Name for messages, in place of an address that may contain a signature. */
  readonly name: string
  readonly url: URL
  readonly site: Site
  readonly budget?: Budget
}

/** What is worth spending on places that are known in advance. */
const PREFETCH: Budget = { requests: 24, bytes: 2 * 1024 * 1024 }
/** Requests at the same time. */
const PREFETCH_LANES = 6

/** The head of a file: enough for the header of most LoRAs. */
const FIRST_BYTES = 64 * 1024
/** Small reads come many at a time; one this large answers several. */
const LEAST_BYTES = 4 * 1024

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/**
 * Opens a remote file by asking for its first bytes, which also tells its size.
 * Reading throws the same, REMOTE_CHANGED (exit 5), FILE_TRUNCATED and REMOTE_BUDGET (exit 3).
 * @throws REMOTE_NO_RANGE (exit 3) when the server serves whole files only; NETWORK, CIVITAI_STORAGE (exit 5); what
 *   `explainRefusal` makes; the reason of the signal
 */
export async function openRemote(options: RemoteOptions, world: HttpWorld): Promise<RemoteFile> {
  const { name, budget = INSPECT_BUDGET } = options
  const spent = { requests: 0, bytes: 0 }
  const pieces: Piece[] = []
  const fetchPiece = async (start: number, length: number): Promise<Fetched> => {
    checkBudget(spent, length, budget, name)
    spent.bytes += length
    const fetched = await withRetries(world, () => {
      spent.requests++
      return fetchRange(options, start, length, world)
    })
    // of a file that ends before, less came
    spent.bytes += fetched.bytes.byteLength - length
    pieces.push(fetched)
    return fetched
  }
  const { size } = await fetchPiece(0, FIRST_BYTES)
  const source: ByteSource = {
    file: { path: name, size },
    costly: true,
    async read(offset, length) {
      if (offset + length > size)
        throw refuse('FILE_TRUNCATED', systemMessages.truncatedSource(name, size, offset + length))
      const target = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const at = offset + done
        const piece = pieces.find(({ start, bytes }) => start <= at && at < start + bytes.byteLength)
        if (!piece) {
          const fetched = await fetchPiece(at, Math.min(Math.max(length - done, LEAST_BYTES), size - at))
          if (fetched.size !== size) throw changed(name)
          continue
        }
        const part = piece.bytes.subarray(at - piece.start, at - piece.start + length - done)
        target.set(part, done)
        done += part.byteLength
      }
      return target
    },
    close: async () => {},
  }
  const prefetch = async (places: readonly ByteRange[]): Promise<boolean> => {
    const isMissing = ({ start, length }: ByteRange) =>
      !pieces.some((piece) => piece.start <= start && start + length <= piece.start + piece.bytes.byteLength)
    const ranges = fewRanges(places.filter(isMissing), PREFETCH.requests)
    if (ranges.reduce((sum, { length }) => sum + length, 0) > PREFETCH.bytes) return false
    await inParallel(ranges, PREFETCH_LANES, ({ start, length }) => fetchPiece(start, length))
    return true
  }
  return { source, spent, prefetch }
}

interface Fetched extends Piece {
  /** Of the whole file. */
  readonly size: number
}

async function fetchRange(
  { name, url, site }: RemoteOptions,
  start: number,
  length: number,
  world: HttpWorld,
): Promise<Attempt<Fetched>> {
  const limit = deadline(world, 'wholeMs')
  const { signal } = limit
  try {
    const range = `bytes=${start}-${start + length - 1}`
    const followed = await follow(
      { url, headers: { range, accept: '*/*', 'accept-encoding': 'identity' }, signal },
      site,
      world,
    )
    const { status } = followed.answer
    if (status === 206 || status === 200) return await receive(followed, name, start, length, world)
    if (followed.bySite) return await siteRefusal(followed, name, site, world)
    followed.answer.discard()
    return status === 404 ? { ...storageRefusal(followed), again: 'no' } : storageRefusal(followed)
  } catch (error) {
    world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    return { error, again: againAfter(error) }
  } finally {
    limit.lift()
  }
}

async function receive(
  followed: Followed,
  name: string,
  start: number,
  length: number,
  world: HttpWorld,
): Promise<Attempt<Fetched>> {
  const { answer, url } = followed
  try {
    const delivered = readDelivery(followed, { target: name, offset: start })
    if (delivered.kind !== 'bytes') return 'failure' in delivered ? delivered.failure : cut(url)
    const { total } = delivered
    // a whole file is as good if it is no longer than the requested range
    const isWhole = answer.status === 200
    if (total === undefined || (isWhole && total > length)) throw noRange(name, url)
    const wanted = Math.min(length, total - start)
    const bytes = new Uint8Array(isWhole ? total : wanted)
    const filled = await fill(bytes, followed, world)
    if (filled < bytes.byteLength) return cut(url)
    return { value: { start: isWhole ? 0 : start, bytes, size: total } }
  } finally {
    answer.discard()
  }
}

/** Takes no more than there is room for. */
async function fill(target: Uint8Array, { answer, url }: Followed, world: HttpWorld): Promise<number> {
  let filled = 0
  try {
    for await (const chunk of answer.body) {
      const part = chunk.subarray(0, target.byteLength - filled)
      target.set(part, filled)
      filled += part.byteLength
      if (filled === target.byteLength) break
    }
  } catch (cause) {
    world.signal.throwIfAborted()
    throw networkError(cause, url)
  }
  return filled
}

function cut(url: URL): Failure {
  return {
    error: networkError(Object.assign(new Error('cut'), { code: 'UND_ERR_SOCKET' }), url),
    again: 'yes',
  }
}

function checkBudget(spent: Budget, length: number, budget: Budget, name: string): void {
  if (spent.requests < budget.requests && spent.bytes + length <= budget.bytes) return
  throw refuse(
    'REMOTE_BUDGET',
    messages.overBudget(name, budget.requests, budget.bytes / 2 ** 20),
    messages.scatteredOrHuge,
  )
}

function noRange(name: string, { host }: URL): SdtoolError {
  return refuse('REMOTE_NO_RANGE', messages.wholeFilesOnly(name, host), messages.downloadToInspect)
}

function changed(name: string): SdtoolError {
  return new SdtoolError('REMOTE_CHANGED', messages.changedWhileRead(name), { exitCode: EXIT.network })
}
