import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, escaped, SdtoolError } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { documentText, envelope, type JsonError } from '../document/envelope.ts'

export interface ErrorStyle {
  /** Null where the command line names none. */
  readonly command: string | null
  readonly json: boolean
  readonly verbose: boolean
}

/** What went wrong, as data. */
export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

/** Ways the operating system says no to reading, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read (permission denied)',
  EPERM: 'may not be read (operation not permitted)',
  EISDIR: 'is a folder',
  ENOTDIR: 'is not a folder',
  ELOOP: 'is a link that leads nowhere',
  EIO: 'cannot be read: the disk reports an error',
}

/** The one place that turns an error into text and exit code. */
export function reportError(error: unknown, world: World, style: ErrorStyle): ExitCode {
  const interrupted = isAbort(error) || world.signal.aborted
  const report = interrupted ? INTERRUPTED : describe(error)
  if (style.json) world.stdout.write(documentText(envelope(style.command, { error: asData(report) }, world)))
  world.stderr.write(interrupted ? lines(report) : errorText(error, style.verbose))
  return interrupted ? EXIT.interrupted : exitCodeOf(error)
}

/** For stderr: one line, the next step, and where it happened for who wants to know. */
export function errorText(error: unknown, verbose: boolean): string {
  return lines(describe(error)) + (verbose ? `${traceOf(error)}\n` : '')
}

/** For documents. */
export function errorJson(error: unknown): JsonError {
  return asData(describe(error))
}

function asData({ code, message, hint }: ErrorReport): JsonError {
  return { code, message, hint: hint ?? null }
}

function lines({ message, hint }: ErrorReport): string {
  return `sdtool: ${message}\n${hint ? `  ${hint}\n` : ''}`
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SdtoolError ? error.exitCode : EXIT.failed
}

const INTERRUPTED: ErrorReport = {
  code: 'INTERRUPTED',
  message: 'interrupted; nothing was left half-written',
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Code, one line, and what to do next. */
export function describe(error: unknown): ErrorReport {
  if (error instanceof SdtoolError) {
    const { code, message, hint } = error
    return { code, message, ...defined({ hint }) }
  }
  const { code, path, message } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : SYSTEM_ERRORS[code]
  if (code && known && path) return { code, message: escaped(`${path} ${known}`) }
  return {
    code: code ?? 'INTERNAL',
    message: escaped(`unexpected error: ${message ?? String(error)}`),
    hint: 'Run again with --verbose and report what it prints.',
  }
}

function traceOf(error: unknown): string {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const cause = error instanceof Error && error.cause ? `\ncaused by: ${traceOf(error.cause)}` : ''
  return trace + cause
}
