/** The one shape of all documents of `--json`, and what `-q` prints of them. See docs/json.md. */
import { defined } from '../../system/defined.ts'
import type { World } from '../../system/world.ts'

/** Rises when a key is renamed, removed, or means something else; new keys do not change it. */
export const SCHEMA_VERSION = 1

/** What went wrong, as data. */
export interface JsonError {
  readonly code: string
  readonly message: string
  /** What to do next. */
  readonly hint: string | null
}

/** Something worth knowing that is not a failure. */
export interface JsonFinding {
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  /** What it costs or saves. */
  readonly bytes: number | null
}

/** One thing the command was about, with what became of it. */
export interface JsonResult {
  /** As sdtool could be given it again: a file, a folder, an address. */
  readonly path: string
  /** The file that was written, or would be. */
  readonly output?: string | null
  readonly status?: string
  /** Why there is no more of it. */
  readonly error: JsonError | null
}

export interface Envelope<Result = JsonResult, Found = JsonFinding> {
  /** Version of sdtool. */
  readonly sdtool: string
  /** Null where the command line names none. */
  readonly command: string | null
  readonly schemaVersion: typeof SCHEMA_VERSION
  /** Of commands that have `--dry-run`. */
  readonly dryRun?: boolean
  readonly results: readonly Result[]
  /** About the run, or several of its results; what is about one of them stands in it. */
  readonly findings: readonly Found[]
  /** Why the command as a whole has failed; a failure of one of several results stands in that. */
  readonly error: JsonError | null
}

interface Contents<Result, Found> {
  readonly results?: readonly Result[]
  readonly findings?: readonly Found[]
  readonly error?: JsonError
  readonly dryRun?: boolean
}

export function envelope<Result = JsonResult, Found = JsonFinding>(
  command: string | null,
  { results = [], findings = [], error, dryRun }: Contents<Result, Found>,
  { version }: Pick<World, 'version'>,
): Envelope<Result, Found> {
  return {
    sdtool: version,
    command,
    schemaVersion: SCHEMA_VERSION,
    ...defined({ dryRun }),
    results,
    findings,
    error: error ?? null,
  }
}

/** As the options of every command say. */
export interface PrintStyle {
  readonly json: boolean
  readonly quiet: boolean
}

/** The one way a command prints what it found: a document, the paths of its results, or its page. */
export function printResults(
  document: Envelope<JsonResult, object>,
  page: () => string,
  { json, quiet }: PrintStyle,
  { stdout }: Pick<World, 'stdout'>,
): void {
  stdout.write(json ? documentText(document) : quiet ? pathLines(document.results) : page())
}

export function documentText(document: Envelope<unknown, unknown>): string {
  return `${toJson(document)}\n`
}

/** A line for each result: the file that was made, or that it is about; none for what failed, or was left alone. */
export function pathLines(results: readonly JsonResult[]): string {
  return results
    .filter(({ error, status }) => error === null && status !== 'skipped' && status !== 'failed')
    .map(({ path, output }) => `${output ?? path}\n`)
    .join('')
}

/** What is known of a finding, in the same keys for all. */
export function findingJson(finding: Omit<JsonFinding, 'bytes'> & { readonly bytes?: number }): JsonFinding {
  const { code, severity, message, bytes } = finding
  return { code, severity, message, bytes: bytes ?? null }
}

type OptionalKey<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T]

/** With null for keys that are missing: in documents every key is always there. */
export function withNulls<T extends object, K extends OptionalKey<T>>(
  value: T,
  ...keys: readonly K[]
): Omit<T, K> & { readonly [key in K]: Exclude<T[key], undefined> | null } {
  const nulls = Object.fromEntries(keys.map((key) => [key, null]))
  return { ...nulls, ...value } as Omit<T, K> & { readonly [key in K]: Exclude<T[key], undefined> | null }
}

/** `JSON.stringify` for values of pickles: big integers and bytes have no JSON form of their own. */
function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item) => {
      if (typeof item === 'bigint') return item.toString()
      if (item instanceof Uint8Array) return `${item.byteLength} bytes`
      if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
      return item as unknown
    },
    2,
  )
}
