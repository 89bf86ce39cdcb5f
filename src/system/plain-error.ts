import { defined } from './defined.ts'
import { type ExitCode, SdtoolError } from './errors.ts'

/** What of an error must survive the way between threads or processes: a structured clone keeps only the message. */
export interface PlainError {
  readonly message: string
  readonly code?: string
  readonly hint?: string
  readonly exitCode?: ExitCode
}

export function plainError(error: unknown): PlainError {
  const { message = String(error), code, hint, exitCode } = error as Partial<SdtoolError>
  return {
    message,
    ...defined({ code, hint, exitCode }),
  }
}

export function revivedError({ message, code, hint, exitCode }: PlainError): Error {
  if (code === undefined || exitCode === undefined) return Object.assign(new Error(message), { code })
  return new SdtoolError(code, message, { exitCode, ...defined({ hint }) })
}
