/** A stream of the terminal, or what stands in for one in a test. */
export interface TextStream {
  write(text: string): unknown
  /** Control sequences that draw a picture; nothing else goes past `safeText`. */
  picture?(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** What a person types, or a program pipes in. */
export interface InputStream extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean
  /** Of a terminal: whether keys come as they are, without being shown. */
  setRawMode?(on: boolean): unknown
}

/** Something under way. */
export interface Progress {
  /** @param total 0 where nobody knows it */
  update(done: number, total: number): void
  end(): void
}

/** Bytes, or things that are counted. */
export type ProgressUnit = 'bytes' | 'count'

/** Called when something begins that may take long. */
export type StartProgress = (label: string, unit: ProgressUnit) => Progress

/** What work on models needs of the world. Nothing in it prints, and nothing is shared between two of them. */
export interface Environment {
  /** Environment variables: where caches are, `SDTOOL_CACHE`, `XDG_CACHE_HOME`, `HOME`. */
  readonly env: Readonly<Record<string, string | undefined>>
  now(): Date
  /** Without it, work goes on unseen. */
  readonly progress?: StartProgress
  /** Threads for computed tensors; 0 keeps all work in the calling thread. */
  readonly threads: number
  /** Module that multiplies matrices by native code where there is some (`MatMulModule`); our own kernel without it. */
  readonly matmul?: URL
  /** Script of the processes that hold networks; the calling process holds them without it. */
  readonly sessions?: URL
  readonly signal: AbortSignal
  /** Of sdtool, for `--version` and recipes. */
  readonly version: string
}

/** The world as commands see it. */
export interface World extends Environment {
  /** The result, nothing else. */
  readonly stdout: TextStream
  /** Progress, warnings and errors. */
  readonly stderr: TextStream
  /** Script of the threads that write and hash what is downloaded; the calling thread does it without. */
  readonly partThread?: URL
  /** Only for what must not be on the command line. */
  readonly stdin?: InputStream
  /** Between 0 and 1, for waiting times; the usual source of chance if missing. */
  random?(): number
  /** Waits, until the signal ends it; a timer if missing. */
  sleep?(milliseconds: number, signal: AbortSignal): Promise<void>
  /** The current folder or an argument whose name is not UTF-8: Node cannot give it as it is. */
  readonly misspelt?: { readonly what: 'folder' | 'argument'; readonly name: string } | undefined
}

const UNSEEN: Progress = { update() {}, end() {} }

/** Progress of something, shown by whoever wants to see it. */
export function startProgress(
  { progress }: Pick<Environment, 'progress'>,
  label: string,
  unit: ProgressUnit = 'bytes',
): Progress {
  return progress?.(label, unit) ?? UNSEEN
}
