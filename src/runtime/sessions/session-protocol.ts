/** What is asked of a session and what it answers, in whatever process it runs: plain data. */
import type { Language } from '../../system/language.ts'
import type { PlainError } from '../../system/plain-error.ts'

/** Options of `InferenceSession.create` that are plain data. */
export type SessionOptions = Readonly<Record<string, unknown>>

export interface SessionModel {
  /** A serialised ModelProto. */
  readonly model: Uint8Array
  readonly options: SessionOptions
}

/** An input or output tensor. */
export interface Feed {
  readonly data: Float32Array
  readonly dims: readonly number[]
}

export type Feeds = Readonly<Record<string, Feed>>
export type Results = Readonly<Record<string, Float32Array>>

export interface Session {
  run(feeds: Feeds): Promise<Results>
  /** Ends the process. Never throws; may be called twice. */
  close(): Promise<void>
}

/** What goes to the process, and what comes back. */
export type HostRequest = { readonly create: SessionModel } | { readonly run: Feeds }
export type SpokenRequest = HostRequest & { readonly language: Language }
export type HostReply = { readonly results: Results } | { readonly error: PlainError }
