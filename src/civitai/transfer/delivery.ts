/** What a storage answers to a request for the rest of a file. */
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Followed } from '../http/follow.ts'
import type { Failure } from '../http/retry.ts'
import { splitName } from '../plan/file-name.ts'

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
  /** Nothing is missing. */
  | { readonly kind: 'complete' }
  /** What is there is of no use: ask for everything. */
  | { readonly kind: 'restart'; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly failure: Failure }

export interface Asked {
  readonly target: string
  /** Bytes that are there already. */
  readonly offset: number
  /** Of an earlier answer for the same file. */
  readonly total?: number
}

/** Only for 200, 206 and 416; other answers are refusals. */
export function readDelivery({ answer, url }: Followed, asked: Asked): Delivered {
  const { status, headers } = answer
  const broken = (what: string): Failure => ({ error: network(`${url.host}: ${what}`), again: 'yes' })
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    return {
      kind: 'failed',
      failure: { ...broken('it sends the file compressed, which was not asked for'), again: 'no' },
    }
  if (status === 416) return unsatisfiable(headers['content-range'], asked, broken)
  if (isPage(headers['content-type'], asked.target))
    return { kind: 'failed', failure: { error: errorPage(asked.target, url), again: 'once' } }
  const etag = strongTag(headers.etag)
  if (status === 206) return partial(headers, asked, etag, broken)
  const length = integer(headers['content-length'])
  return { kind: 'bytes', start: 0, ...defined({ total: length }), ...etag }
}

type Broken = (what: string) => Failure

/** 206: the bytes asked for, of a file that did not change. */
function partial(
  headers: Readonly<Record<string, string>>,
  { offset, total }: Asked,
  etag: { etag?: string },
  broken: Broken,
): Delivered {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range']?.trim() ?? '')
  if (!range) return { kind: 'restart', failure: broken('it sends a part without saying which') }
  const [start, size] = [Number(range[1]), range[3] === '*' ? total : Number(range[3])]
  if (start !== offset)
    return {
      kind: 'restart',
      failure: broken(`it sends from byte ${start} on, not from byte ${offset} as asked`),
    }
  if (total !== undefined && size !== total)
    return { kind: 'restart', failure: broken(`the file has ${size} bytes now, it had ${total}`) }
  return { kind: 'bytes', start, ...defined({ total: size }), ...etag }
}

/** 416: there is nothing behind what is there, which is right if that is all. */
function unsatisfiable(range: string | undefined, { offset, total }: Asked, broken: Broken): Delivered {
  const size = integer(/^bytes \*\/(\d+)$/.exec(range?.trim() ?? '')?.[1]) ?? total
  if (size === offset) return { kind: 'complete' }
  return { kind: 'restart', failure: broken(`it has no bytes from ${offset} on`) }
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

/** The first bytes of an error page, whatever type it was sent as. @throws CIVITAI_ERROR_PAGE */
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
  return new SdtoolError(
    'CIVITAI_ERROR_PAGE',
    `${target}: ${host} sends a page, not the file; it was not saved`,
    {
      hint: 'The site may want a login (sdtool login), or something between you and it answers instead.',
    },
  )
}

function network(message: string): SdtoolError {
  return new SdtoolError('CIVITAI_STORAGE', message, {
    exitCode: EXIT.network,
    hint: 'Run the same command again: it goes on where it stopped.',
  })
}

/** A storage that refuses a link: expired, most of the time. */
export function storageRefusal({ answer, url }: Followed): Failure {
  const error = network(`${url.host} refuses the link the site gave (${answer.status})`)
  return { error, again: 'yes' }
}
