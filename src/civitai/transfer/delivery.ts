/** What a storage answers to a request for the rest of a file. */
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Followed } from '../http/follow.ts'
import type { Failure } from '../http/retry.ts'
import { splitName } from '../plan/file-name.ts'
import { messages } from './messages.ts'

/** Bytes that come now, and how many there will be in all. */
export interface Delivery {
  readonly kind: 'bytes'
  /** Where the first of them belongs: the end of what is there, or 0. */
  readonly start: number
  readonly total?: number
  readonly etag?: string
}

export type Delivered =
  | Delivery
  /** The file is there already. */
  | { readonly kind: 'complete' }
  /** The bytes that are there are useless: ask for everything. */
  | { readonly kind: 'restart'; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly failure: Failure }

export interface Request {
  readonly target: string
  /** Bytes that are there already. */
  readonly offset: number
  /** Of an earlier answer for the same file. */
  readonly total?: number
}

/** Only for 200, 206 and 416; other answers are refusals. */
export function readDelivery({ answer, url }: Followed, request: Request): Delivered {
  const { status, headers } = answer
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    return { kind: 'failed', failure: { error: storageError(messages.compressed(url.host)), again: 'no' } }
  if (status === 416) return unsatisfiable(headers['content-range'], request, url)
  if (isPage(headers['content-type'], request.target))
    return { kind: 'failed', failure: { error: errorPage(request.target, url), again: 'once' } }
  const etag = strongTag(headers.etag)
  if (status === 206) return partial(headers, request, etag, url)
  const length = integer(headers['content-length'])
  return { kind: 'bytes', start: 0, ...defined({ total: length }), ...etag }
}

function restart(message: string): Delivered {
  return { kind: 'restart', failure: { error: storageError(message), again: 'yes' } }
}

/** 206: the requested bytes, of a file that did not change. */
function partial(
  headers: Readonly<Record<string, string>>,
  { offset, total }: Request,
  etag: { etag?: string },
  { host }: URL,
): Delivered {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range']?.trim() ?? '')
  if (!range) return restart(messages.unnamedPart(host))
  const [start, size] = [Number(range[1]), range[3] === '*' ? total : Number(range[3])]
  if (start !== offset) return restart(messages.wrongStart(host, start, offset))
  if (total !== undefined && size !== undefined && size !== total)
    return restart(messages.sizeChanged(host, size, total))
  return { kind: 'bytes', start, ...defined({ total: size }), ...etag }
}

/** 416: nothing follows the bytes that are there, which is right if those are all. */
function unsatisfiable(range: string | undefined, { offset, total }: Request, { host }: URL): Delivered {
  const size = integer(/^bytes \*\/(\d+)$/.exec(range?.trim() ?? '')?.[1]) ?? total
  if (size === offset) return { kind: 'complete' }
  return restart(messages.nothingFrom(host, offset))
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function strongTag(etag: string | undefined): { etag?: string } {
  return etag !== undefined && /^"[\x21\x23-\x7e]{1,200}"$/.test(etag) ? { etag } : {}
}

/** Files that are text themselves. */
const TEXT_ENDINGS: ReadonlySet<string> = new Set([
  '.json',
  '.yaml',
  '.yml',
  '.txt',
  '.html',
  '.htm',
  '.csv',
  '.md',
])

function isText(target: string): boolean {
  return TEXT_ENDINGS.has(splitName(target).ending.toLowerCase())
}

function isPage(contentType: string | undefined, target: string): boolean {
  return !isText(target) && /^(text\/html|application\/(json|xhtml|problem\+json))/i.test(contentType ?? '')
}

/** Refuses the first bytes of an error page, whatever type it was sent as. @throws CIVITAI_ERROR_PAGE (exit 1) */
export function checkFirstBytes(bytes: Uint8Array, target: string, url: URL): void {
  if (isText(target)) return
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 256)).toString('latin1')
  if (
    /^(\xef\xbb\xbf)?\s*(<(!doctype|html|head|body|\?xml|!--)|\{\s*"(error|message|detail|statusCode|code)")/i.test(
      head,
    )
  )
    throw errorPage(target, url)
}

function errorPage(target: string, { host }: URL): SdtoolError {
  return new SdtoolError('CIVITAI_ERROR_PAGE', messages.pageInsteadOfFile(target, host), {
    hint: messages.mayRequireLogin,
  })
}

function storageError(message: string): SdtoolError {
  return new SdtoolError('CIVITAI_STORAGE', message, { exitCode: EXIT.network, hint: messages.runAgain })
}

/** A storage that refuses a link: expired, most of the time. */
export function storageRefusal({ answer, url }: Followed): Failure {
  return { error: storageError(messages.linkRefused(url.host, answer.status)), again: 'yes' }
}
