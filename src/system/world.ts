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

/** The world as commands see it. */
export interface World {
  /** The result, nothing else. */
  readonly stdout: TextStream
  /** Progress, warnings and errors. */
  readonly stderr: TextStream
  readonly env: Readonly<Record<string, string | undefined>>
  now(): Date
  /** Threads for computed tensors; 0 keeps all work in the calling thread. */
  readonly threads: number
  /** Module that multiplies matrices by native code where there is some (`MatMulModule`); our own kernel without it. */
  readonly matmul?: URL
  /** Script of the processes that hold networks; the calling process holds them without it. */
  readonly sessions?: URL
  /** Script of the threads that write and hash what is downloaded; the calling thread does it without. */
  readonly partThread?: URL
  readonly signal: AbortSignal
  /** Only for what must not be on the command line. */
  readonly stdin?: InputStream
  /** Between 0 and 1, for waiting times; the usual source of chance if missing. */
  random?(): number
  /** Waits, until the signal ends it; a timer if missing. */
  sleep?(milliseconds: number, signal: AbortSignal): Promise<void>
  /** The current folder or an argument whose name is not UTF-8: Node cannot give it as it is. */
  readonly misspelt?: { readonly what: 'folder' | 'argument'; readonly name: string } | undefined
  /** Of sdtool, for `--version` and recipes. */
  readonly version: string
}
