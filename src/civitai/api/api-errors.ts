/** What Civitai's refusals mean, and what a person can do. Source: civitai/civitai, the download and REST routes. */
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, SdtoolError } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { Site } from '../http/hosts.ts'
import { type Failure, type RetryPolicy, retryAfterMs } from '../http/retry.ts'
import { type Json, parseJson, textField } from './json.ts'

export interface Refused {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What was asked for: "version 399893". */
  readonly what: string
  readonly url: URL
  readonly site: Site
  readonly now: Date
}

interface ServerMessage extends Refused {
  /** The server's own words, if it gave some. */
  readonly said: string
  readonly json: Json | undefined
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

const GET_KEY = 'Make an API key on the account page of the site, then run sdtool login or set CIVITAI_TOKEN.'
const LATER = 'The site has trouble. Try again later; downloads go on where they stopped.'

/** The first that fits is the one. */
const REFUSALS: readonly Refusal[] = [
  {
    status: 401,
    said: /disabled downloads/i,
    code: 'CIVITAI_DOWNLOAD_DISABLED',
    message: ({ what }) => `${what}: its creator has disabled downloads; it can only be used on the site`,
    hint: () => 'A token does not help here. Other versions of the model may be open.',
  },
  {
    status: 401,
    code: 'CIVITAI_LOGIN_REQUIRED',
    message: ({ what, site, url }) =>
      site.token
        ? `${what}: ${url.host} does not accept the token of ${site.token.origin}`
        : `${what}: ${url.host} wants a login for it`,
    hint: ({ site }) =>
      site.token
        ? 'It may have expired: make a new API key on the account page of the site, then run sdtool login.'
        : GET_KEY,
  },
  {
    status: 403,
    said: /early access/i,
    code: 'CIVITAI_EARLY_ACCESS',
    message: ({ what, json }) => `${what} is in early access${untilText(textField(json, 'deadline'))}`,
    hint: ({ site, json }) => {
      const wait = textField(json, 'deadline') ? 'Wait for that day, or buy' : 'Buy'
      return `${wait} access on its page${site.token ? '' : ' and log in with sdtool login'}; older versions may be free.`
    },
  },
  {
    status: 403,
    said: /do not have access/i,
    code: 'CIVITAI_NO_ACCESS',
    message: ({ what }) => `${what}: your account has no access to this file`,
    hint: () => 'It may be private, or sold: see its page on the site.',
  },
  {
    status: 403,
    code: 'CIVITAI_BLOCKED',
    message: ({ url }) => `${url.host} refuses requests from this address or account`,
    hint: () =>
      'Its firewall may not like a VPN or proxy. Try another network, or ask the support of the site.',
  },
  {
    status: 404,
    code: 'CIVITAI_NOT_FOUND',
    again: 'once',
    message: ({ what, url }) => `${what}: ${url.host} has no such thing, or does not show it`,
    hint: ({ url }) =>
      url.hostname === 'civitai.com'
        ? 'It may be deleted, unpublished, or only on civitai.red: --civitai-url https://civitai.red.'
        : 'It may be deleted or unpublished.',
  },
  {
    status: 410,
    code: 'CIVITAI_ARCHIVED',
    message: ({ what }) => `${what}: the model is archived, its files cannot be downloaded any more`,
    hint: () => 'Others may have it: search for its hash or name.',
  },
  {
    status: 429,
    said: /unusual amount/i,
    code: 'CIVITAI_QUOTA',
    exitCode: EXIT.network,
    message: ({ url }) => `${url.host}: the hourly limit for downloads of your account or address is reached`,
    hint: () => 'Run the same command again in an hour; finished files are kept and parts are resumed.',
  },
  {
    status: 429,
    said: /too many pages/i,
    code: 'CIVITAI_PAGING',
    message: () => 'the site gives no pages that far into a list',
    hint: () => 'Go on with --cursor, or search for something narrower.',
  },
  {
    status: 429,
    code: 'CIVITAI_RATE_LIMIT',
    exitCode: EXIT.network,
    again: 'yes',
    message: ({ url }) => `${url.host} asks for fewer requests`,
    hint: () => 'Wait some minutes, and use fewer --jobs.',
  },
  {
    status: [408, 500, 502, 503, 504, 520, 521, 522, 523, 524],
    code: 'CIVITAI_SERVER',
    exitCode: EXIT.network,
    again: 'yes',
    message: ({ what, url, status, said }) => `${what}: ${url.host} answers ${status}${quotedSaid(said)}`,
    hint: () => LATER,
  },
  {
    status: 400,
    code: 'CIVITAI_BAD_REQUEST',
    message: ({ what, said }) => `${what}: the site does not understand the request${quotedSaid(said)}`,
    hint: () => 'Check the spelling of options; names of types and base models are case-sensitive.',
  },
]

const UNEXPECTED: Refusal = {
  status: [],
  code: 'CIVITAI_ANSWER',
  exitCode: EXIT.network,
  message: ({ what, url, status, said }) =>
    `${what}: unexpected answer ${status} of ${url.host}${quotedSaid(said)}`,
}

/** @returns the error to show for an answer that is no success, and whether to try again */
export function explainRefusal(refused: Refused): Failure {
  const json = parseJson(refused.body)
  const said: ServerMessage = { ...refused, json, said: serverText(json) }
  const row = REFUSALS.find((candidate) => fits(candidate, said)) ?? UNEXPECTED
  const afterMs = retryAfterMs(refused.headers['retry-after'], refused.now)
  const error = new SdtoolError(row.code, row.message(said), {
    ...(row.hint && { hint: row.hint(said) }),
    ...defined({ exitCode: row.exitCode }),
  })
  return { error, again: row.again ?? 'no', ...defined({ afterMs }) }
}

function fits({ status, said }: Refusal, refused: ServerMessage): boolean {
  const statuses = typeof status === 'number' ? [status] : status
  return statuses.includes(refused.status) && (said?.test(refused.body) ?? true)
}

/** `error` may be text or an object of a validator, whose first issue says most. */
function serverText(json: Json | undefined): string {
  const parts = [textField(json, 'error'), textField(json, 'message')].filter((part) => part !== undefined)
  return printable(parts.join(': ').replaceAll(/\s+/g, ' '), 200)
}

function quotedSaid(said: string): string {
  return said === '' ? '' : ` (${said})`
}

/** " until 2026-03-01"; only a date the server gave in ISO form. */
export function untilText(deadline: string | undefined): string {
  return deadline !== undefined && /^\d{4}-\d{2}-\d{2}T/.test(deadline)
    ? ` until ${deadline.slice(0, 10)}`
    : ''
}
