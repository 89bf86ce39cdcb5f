import { defined } from './defined.ts'

/** Control, format (zero-width, bidirectional) and line separator characters: what could forge a terminal line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Text from a file or a file name, with every character escaped that could act on a terminal. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (c) => {
    // halves of a pair each for itself, as in JSON
    const units = Array.from({ length: c.length }, (_, i) => c.charCodeAt(i))
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}

/** What a code means for the shell. See `sdtool --help`, "Exit codes". */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unverified: 4,
  network: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface SdtoolErrorOptions {
  /** What the person can do next, one short sentence. */
  hint?: string
  exitCode?: ExitCode
  cause?: unknown
}

/**
 * An error a person can act on. `code` is stable (scripts match on it), `message` names file, key, value and
 * limit in one line, `hint` says what to do next.
 */
export class SdtoolError extends Error {
  readonly code: string
  readonly exitCode: ExitCode
  readonly hint: string | undefined

  constructor(code: string, message: string, options: SdtoolErrorOptions = {}) {
    super(escaped(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SdtoolError'
    this.code = code
    this.exitCode = options.exitCode ?? EXIT.failed
    this.hint = options.hint === undefined ? undefined : escaped(options.hint)
  }
}

/** Input that is malformed, unsafe or unsupported: exit 3, nothing was written. */
export function refuse(code: string, message: string, hint?: string): SdtoolError {
  return new SdtoolError(code, message, { exitCode: EXIT.refused, ...defined({ hint }) })
}

/** A result that is not what it should be, or an input that does not match: exit 4. */
export function unverified(code: string, message: string, hint?: string): SdtoolError {
  return new SdtoolError(code, message, { exitCode: EXIT.unverified, ...defined({ hint }) })
}

/** A wrong command line: exit 2. */
export function usage(message: string, hint?: string): SdtoolError {
  return new SdtoolError('USAGE', message, { exitCode: EXIT.usage, ...defined({ hint }) })
}

/** The same error with the file it is about: what is called for many files knows none of their names. */
export function withFileName(path: string, error: unknown): unknown {
  if (!(error instanceof SdtoolError)) return error
  const { code, message, exitCode, hint } = error
  return new SdtoolError(code, `${path}: ${message}`, {
    exitCode,
    cause: error,
    ...defined({ hint }),
  })
}

/** Runs work on a file, whose errors name it. @throws what `work` throws, with the name of the file */
export function runWithFileName<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw withFileName(path, error)
  }
}
