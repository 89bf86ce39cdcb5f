import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, escaped, SdtoolError } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { documentText, envelope, type JsonError } from '../document/envelope.ts'
import { messages } from '../messages.ts'

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

/** Why the operating system could not open or read a path. */
const SYSTEM_ERRORS: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => messages.doesNotExist(path),
  EACCES: (path) => messages.permissionDenied(path),
  EPERM: (path) => messages.notPermitted(path),
  EISDIR: (path) => messages.isFolder(path),
  ENOTDIR: (path) => messages.notAFolder(path),
  ELOOP: (path) => messages.brokenLink(path),
  EIO: (path) => messages.diskError(path),
}

/** The one place that turns an error into text and exit code. */
export function reportError(error: unknown, world: World, style: ErrorStyle): ExitCode {
  const interrupted = isAbort(error) || world.signal.aborted
  const report = interrupted ? interruptedReport() : errorReport(error)
  if (style.json) world.stdout.write(documentText(envelope(style.command, { error: asData(report) }, world)))
  world.stderr.write(interrupted ? lines(report) : errorText(error, style.verbose))
  return interrupted ? EXIT.interrupted : exitCodeOf(error)
}

/** For stderr: one line, the next step, and the stack if `verbose`. */
export function errorText(error: unknown, verbose: boolean): string {
  return lines(errorReport(error)) + (verbose ? `${traceOf(error)}\n` : '')
}

/** For documents. */
export function errorJson(error: unknown): JsonError {
  return asData(errorReport(error))
}

function asData({ code, message, hint }: ErrorReport): JsonError {
  return { code, message, hint: hint ?? null }
}

function lines({ message, hint }: ErrorReport): string {
  return `${messages.errorLine(message)}\n${hint ? `  ${hint}\n` : ''}`
}

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof SdtoolError ? error.exitCode : EXIT.failed
}

function interruptedReport(): ErrorReport {
  return { code: 'INTERRUPTED', message: messages.interrupted }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Code, one line, and what to do next. */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof SdtoolError) {
    const { code, message, hint } = error
    return { code, message, ...defined({ hint }) }
  }
  const { code, path, message } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : SYSTEM_ERRORS[code]
  if (code && known && path) return { code, message: escaped(known(path)) }
  return {
    code: code ?? 'INTERNAL',
    message: escaped(messages.unexpectedError(message ?? String(error))),
    hint: messages.reportError,
  }
}

function traceOf(error: unknown): string {
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const cause = error instanceof Error && error.cause ? `\ncaused by: ${traceOf(error.cause)}` : ''
  return trace + cause
}
