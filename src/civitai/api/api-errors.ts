/** What Civitai's refusals mean, and what the user can do. Source: civitai/civitai, the download and REST routes. */
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, SdtoolError } from '../../system/errors.ts'
import { parseJsonText } from '../../system/json.ts'
import { printable } from '../../system/text.ts'
import type { Site } from '../http/hosts.ts'
import { messages as httpMessages } from '../http/messages.ts'
import { type Failure, type RetryPolicy, retryAfterMs } from '../http/retry.ts'
import { messages } from './messages.ts'
import { maybe, object, read, text } from './tolerant.ts'

export interface Refused {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What was requested: "version 399893". */
  readonly what: string
  readonly url: URL
  readonly site: Site
  readonly now: Date
}

/** `error` may also be an object of a validator, which says nothing to the user. */
const refusalAnswer = object({ error: maybe(text), message: maybe(text), deadline: maybe(text) })

interface ServerMessage extends Refused {
  readonly host: string
  /** The server's own words; empty if it gave none. */
  readonly said: string
  /** When early access ends. */
  readonly until: string | undefined
}

interface Refusal {
  readonly status: number | readonly number[]
  /** In the body; any if missing. */
  readonly said?: RegExp
  readonly code: string
  readonly exitCode?: ExitCode
  readonly again?: RetryPolicy
  message(refused: ServerMessage): string
  hint?(refused: ServerMessage): string
}

/** The first row that fits is used. */
const REFUSALS: readonly Refusal[] = [
  {
    status: 401,
    said: /disabled downloads/i,
    code: 'CIVITAI_DOWNLOAD_DISABLED',
    message: ({ what }) => messages.downloadDisabled(what),
    hint: () => messages.tokenDoesNotHelp,
  },
  {
    status: 401,
    code: 'CIVITAI_LOGIN_REQUIRED',
    message: ({ what, host, site: { token } }) =>
      token ? messages.tokenRefused(what, host, token.origin) : messages.loginRequired(what, host),
    hint: ({ site }) => (site.token ? httpMessages.tokenExpired : httpMessages.createKey),
  },
  {
    status: 403,
    said: /early access/i,
    code: 'CIVITAI_EARLY_ACCESS',
    message: ({ what, until }) => messages.earlyAccess(what, until),
    hint: ({ site, until }) => messages.waitOrBuy(until !== undefined, site.token !== undefined),
  },
  {
    status: 403,
    said: /do not have access/i,
    code: 'CIVITAI_NO_ACCESS',
    message: ({ what }) => messages.noAccess(what),
    hint: () => messages.mayBePrivate,
  },
  {
    status: 403,
    code: 'CIVITAI_BLOCKED',
    message: ({ host }) => messages.blocked(host),
    hint: () => messages.tryAnotherNetwork,
  },
  {
    status: 404,
    code: 'CIVITAI_NOT_FOUND',
    again: 'once',
    message: ({ what, host }) => messages.notFound(what, host),
    hint: ({ url }) => (url.hostname === 'civitai.com' ? messages.mayBeOnRed : messages.mayBeDeleted),
  },
  {
    status: 410,
    code: 'CIVITAI_ARCHIVED',
    message: ({ what }) => messages.archived(what),
    hint: () => messages.findElsewhere,
  },
  {
    status: 429,
    said: /unusual amount/i,
    code: 'CIVITAI_QUOTA',
    exitCode: EXIT.network,
    message: ({ host }) => messages.quota(host),
    hint: () => messages.waitAnHour,
  },
  {
    status: 429,
    said: /too many pages/i,
    code: 'CIVITAI_PAGING',
    message: () => messages.tooDeepIntoList,
    hint: () => messages.useCursor,
  },
  {
    status: 429,
    code: 'CIVITAI_RATE_LIMIT',
    exitCode: EXIT.network,
    again: 'yes',
    message: ({ host }) => messages.rateLimit(host),
    hint: () => messages.fewerJobs,
  },
  {
    status: [408, 500, 502, 503, 504, 520, 521, 522, 523, 524],
    code: 'CIVITAI_SERVER',
    exitCode: EXIT.network,
    again: 'yes',
    message: ({ what, host, status, said }) => messages.serverError(what, host, status, said),
    hint: () => messages.tryLater,
  },
  {
    status: 400,
    code: 'CIVITAI_BAD_REQUEST',
    message: ({ what, said }) => messages.badRequest(what, said),
    hint: () => messages.checkSpelling,
  },
]

const UNEXPECTED: Refusal = {
  status: [],
  code: 'CIVITAI_ANSWER',
  exitCode: EXIT.network,
  message: ({ what, host, status, said }) => messages.unexpectedAnswer(what, host, status, said),
}

/** @returns the error for an answer that is not a success, and whether to try again */
export function explainRefusal(refused: Refused): Failure {
  const answer = read(refusalAnswer, parseJsonText(refused.body))
  const message: ServerMessage = {
    ...refused,
    host: refused.url.host,
    said: serverText([answer?.error, answer?.message]),
    until: dateIn(answer?.deadline),
  }
  const row = REFUSALS.find((candidate) => fits(candidate, refused)) ?? UNEXPECTED
  const afterMs = retryAfterMs(refused.headers['retry-after'], refused.now)
  const error = new SdtoolError(row.code, row.message(message), {
    ...defined({ hint: row.hint?.(message), exitCode: row.exitCode }),
  })
  return { error, again: row.again ?? 'no', ...defined({ afterMs }) }
}

function fits({ status, said }: Refusal, refused: Refused): boolean {
  const statuses = typeof status === 'number' ? [status] : status
  return statuses.includes(refused.status) && (said?.test(refused.body) ?? true)
}

function serverText(parts: readonly (string | undefined)[]): string {
  const words = parts.filter((part) => part !== undefined).join(': ')
  return printable(words.replaceAll(/\s+/g, ' '), 200)
}

/** "2026-03-01" of a time in ISO form; undefined for anything else. */
function dateIn(time: string | undefined): string | undefined {
  return /^(\d{4}-\d{2}-\d{2})T/.exec(time ?? '')?.[1]
}
