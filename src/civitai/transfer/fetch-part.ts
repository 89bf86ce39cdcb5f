/** Brings the bytes of a part from the site's storage, with retries. */
import { checkSpace } from '../../system/atomic.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Hashes } from '../../system/hash.ts'
import { siteRefusal } from '../api/api.ts'
import { type Followed, follow } from '../http/follow.ts'
import type { Site } from '../http/hosts.ts'
import { deadline, type HttpWorld, networkError } from '../http/http.ts'
import { type Attempt, againAfter, type Failure, mayRetry, pause } from '../http/retry.ts'
import { checkSameClass, deliveredName } from '../plan/file-name.ts'
import { checkFirstBytes, type Delivery, readDelivery, storageRefusal } from './delivery.ts'
import { messages } from './messages.ts'
import type { PartFile } from './part.ts'
import type { Remote } from './part-note.ts'
import { coversLength } from './verify.ts'

/** What to fetch, and from where. */
export interface FetchJob {
  /** For messages: "DreamShaper 8 (version 128713)". */
  readonly what: string
  /** Addresses of the API that give the file, best first. Each gives a new link to the storage. */
  readonly urls: readonly URL[]
  readonly site: Site
  readonly target: string
  readonly expected: { readonly bytes?: number; readonly hashes: Hashes }
  onProgress?(doneBytes: number, totalBytes: number): void
}

/** This share of a file is progress: after it failures are counted anew. It bounds the number of attempts. */
const PROGRESS_SHARE = 1 / 100

/**
 * Fetches what is missing of a part, in as many requests as it takes.
 * @throws CIVITAI_ERROR_PAGE, CIVITAI_OTHER_FILE, DISK_FULL (exit 1); CIVITAI_LENGTH, CIVITAI_STORAGE, NETWORK (exit 5); what
 *   `explainRefusal` makes; the reason of the signal
 */
export async function fetchPart(part: PartFile, job: FetchJob, world: HttpWorld): Promise<void> {
  let failures = 0
  let best = part.size
  const urls = [...job.urls]
  for (;;) {
    const result = await fetchOnce(part, urls[0]!, job, world)
    if ('value' in result) return
    const size = part.remote.total ?? job.expected.bytes ?? 0
    if (part.size > best + size * PROGRESS_SHARE) {
      failures = 0
      best = part.size
    }
    failures++
    if (result.error.code === 'CIVITAI_NOT_FOUND' && urls.length > 1) urls.shift()
    else if (!mayRetry(result, failures)) throw result.error
    await pause(result, failures, world)
  }
}

/** Asks for what is missing, and writes what comes. */
async function fetchOnce(
  part: PartFile,
  url: URL,
  job: FetchJob,
  world: HttpWorld,
): Promise<Attempt<'whole'>> {
  const offset = part.size
  if (offset > 0 && offset === part.remote.total) return { value: 'whole' }
  const limit = deadline(world, 'answerMs')
  try {
    const request = { url, headers: rangeHeaders(part), signal: limit.signal }
    const followed = await follow(request, job.site, world)
    const { status } = followed.answer
    if (status !== 200 && status !== 206 && status !== 416) return await refused(followed, job, world)
    // the file itself may take any time, as long as bytes come
    limit.lift()
    return await receive(followed, part, job, world)
  } catch (error) {
    world.signal.throwIfAborted()
    if (!(error instanceof SdtoolError)) throw error
    const hasProgress = error.code === 'NETWORK' && part.size > offset
    return { error, again: hasProgress ? 'yes' : againAfter(error) }
  } finally {
    limit.lift()
  }
}

/** The storage may answer in full if the file is not the same any more (RFC 9110, 13.1.5). */
function rangeHeaders({ size, remote }: PartFile): Record<string, string> {
  const plain = { accept: '*/*', 'accept-encoding': 'identity' }
  if (size === 0) return plain
  return {
    ...plain,
    range: `bytes=${size}-`,
    ...defined({ 'if-range': remote.etag }),
  }
}

async function refused(followed: Followed, { what, site }: FetchJob, world: HttpWorld): Promise<Failure> {
  if (followed.bySite) return siteRefusal(followed, what, site, world)
  followed.answer.discard()
  return storageRefusal(followed)
}

async function receive(
  followed: Followed,
  part: PartFile,
  job: FetchJob,
  world: HttpWorld,
): Promise<Attempt<'whole'>> {
  const { answer, url } = followed
  const { total } = part.remote
  const request = { target: job.target, offset: part.size, ...defined({ total }) }
  const delivered = readDelivery(followed, request)
  if (delivered.kind !== 'bytes') {
    answer.discard()
    if (delivered.kind === 'complete') return { value: 'whole' }
    if (delivered.kind === 'restart') await part.restart()
    return delivered.failure
  }
  try {
    checkSameClass(job.target, deliveredName(answer.headers['content-disposition'], url))
    checkLength(delivered, job)
    if (delivered.start === 0 && part.size > 0) await part.restart()
    await part.describe(remoteOf(delivered))
    await checkSpace(job.target, Math.max(0, (delivered.total ?? 0) - part.size))
    return await stream(followed, delivered, part, job, world)
  } finally {
    answer.discard()
  }
}

function remoteOf({ total, etag }: Delivery): Remote {
  return defined({ total, etag })
}

/** The site's sizes are exact in all answers seen, but a hash is the better judge: with one, a size may differ by so much. */
const LENGTH_SLACK = 0.01
/** The largest files on the site have some 50 GB. Files without any stated length are cut off here. */
const MAX_FILE_BYTES = 200e9

/** Most bytes that a file may have. */
function limitOf({ hashes, bytes }: FetchJob['expected']): number {
  if (bytes === undefined) return MAX_FILE_BYTES
  return !coversLength(hashes) ? bytes : Math.ceil(bytes * (1 + LENGTH_SLACK)) + 1024
}

/** @throws CIVITAI_LENGTH (exit 5) */
function checkLength({ total }: Delivery, { target, expected }: FetchJob): void {
  if (total === undefined) return
  const decided = coversLength(expected.hashes) || expected.bytes === undefined
  if (total > limitOf(expected) || (!decided && total !== expected.bytes))
    throw lengthError(messages.announcedLength(target, total, expected.bytes, MAX_FILE_BYTES))
}

function lengthError(message: string): SdtoolError {
  return new SdtoolError('CIVITAI_LENGTH', message, {
    exitCode: EXIT.network,
    hint: messages.notTheFileOfThePage,
  })
}

async function stream(
  { answer, url }: Followed,
  { total }: Delivery,
  part: PartFile,
  job: FetchJob,
  world: HttpWorld,
): Promise<Attempt<'whole'>> {
  const limit = total ?? limitOf(job.expected)
  const watch = speedWatch(world)
  try {
    for await (const chunk of answer.body) {
      world.signal.throwIfAborted()
      if (part.size === 0) checkFirstBytes(chunk, job.target, url)
      if (part.size + chunk.byteLength > limit)
        throw lengthError(messages.exceededLength(job.target, limit, job.expected.bytes, MAX_FILE_BYTES))
      const wait = part.write(chunk)
      if (wait) await wait
      job.onProgress?.(part.size, total ?? job.expected.bytes ?? 0)
      if (watch.isTooSlow(chunk.byteLength))
        throw Object.assign(new Error('too slow'), { code: 'UND_ERR_BODY_TIMEOUT' })
    }
  } catch (cause) {
    world.signal.throwIfAborted()
    throw cause instanceof SdtoolError ? cause : networkError(cause, url)
  }
  return ended(part, total ?? job.expected.bytes, url)
}

/** Without an announced length the end of the body is the only sign that it was all; then the site's size counts. */
async function ended(part: PartFile, total: number | undefined, url: URL): Promise<Attempt<'whole'>> {
  if (total !== undefined && part.size < total) {
    const cut = Object.assign(new Error('cut'), { code: 'UND_ERR_SOCKET' })
    return { error: networkError(cut, url), again: 'yes' }
  }
  return { value: 'whole' }
}

/** A connection this slow, for so long, is worth replacing: the next one continues where it stopped. */
const SLOW_BYTES_PER_SECOND = 1024
const SLOW_SECONDS = 60

function speedWatch({ now }: HttpWorld): { isTooSlow(bytes: number): boolean } {
  let since = now().getTime()
  let received = 0
  return {
    isTooSlow(bytes) {
      received += bytes
      const seconds = (now().getTime() - since) / 1000
      if (seconds < SLOW_SECONDS) return false
      const slow = received < SLOW_BYTES_PER_SECOND * seconds
      since = now().getTime()
      received = 0
      return slow
    },
  }
}
