/** What to download, and where to, before anything is downloaded. */
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parseReference } from '../../civitai/api/reference.ts'
import type { CivitaiFile, CivitaiVersion, EarlyAccess } from '../../civitai/api/shapes.ts'
import type { Site } from '../../civitai/http/hosts.ts'
import { type Choice, chooseFiles, title } from '../../civitai/plan/choose.ts'
import { nameFor } from '../../civitai/plan/file-name.ts'
import { resolveReference } from '../../civitai/plan/resolve.ts'
import { partPaths } from '../../civitai/transfer/part-note.ts'
import { coversLength, differing, judgesOf } from '../../civitai/transfer/verify.ts'
import type { HashCache } from '../../library/caches/hash-cache.ts'
import { checkReplaceable } from '../../system/atomic.ts'
import { EXIT, refuse, SdtoolError } from '../../system/errors.ts'
import { type Hashes, hashFile } from '../../system/hash.ts'
import type { Client } from '../shared/civitai-client.ts'
import { checkKind } from './check.ts'
import { messages } from './messages.ts'
import type { DownloadPlace } from './place.ts'
import { targetsOf, type Wanted } from './target.ts'

export interface PlannedDownload {
  /** The reference on the command line. */
  readonly reference: string
  readonly site: Site
  readonly version: CivitaiVersion
  readonly file: CivitaiFile
  readonly target: string
  /** It exists already, with the right content as far as the site's hashes show. */
  readonly isPresent: boolean
  /** Bytes that an earlier run left. */
  readonly partBytes: number
  readonly warnings: readonly string[]
}

export interface FailedReference {
  readonly reference: string
  readonly error: unknown
}

export interface PlanOptions {
  readonly references: readonly string[]
  readonly choice: Choice
  /** The file or folder of `-o`. */
  readonly output?: string
  readonly place: DownloadPlace
  readonly force: boolean
  /** Also kinds of files that cannot be checked. */
  readonly any: boolean
  readonly quiet: boolean
}

export interface DownloadPlan {
  readonly downloads: readonly PlannedDownload[]
  readonly failed: readonly FailedReference[]
}

/**
 * Looks the references up, and decides on names. A reference that leads nowhere does not stop the others.
 * @throws USAGE (exit 2) for a command line that makes no sense; the reason of the signal
 */
export async function planDownloads(
  options: PlanOptions,
  client: Client,
  cache: HashCache,
): Promise<DownloadPlan> {
  // mistakes are reported before anything is requested
  const references = options.references.map((text) => ({
    text,
    reference: parseReference(text, client.site),
  }))
  const wanted: Wanted[] = []
  const failed: FailedReference[] = []
  for (const { text, reference } of references) {
    try {
      const { version, wish } = await resolveReference(reference, client.apiOf(reference.site))
      const files = chooseFiles(version, { ...wish, ...options.choice })
      for (const file of files)
        if (!wanted.some(same(file))) wanted.push({ text, site: reference.site, version, file })
    } catch (error) {
      client.http.signal.throwIfAborted()
      failed.push({ reference: shown(text), error })
    }
  }
  const targets = await targetsOf(wanted, options.output, options.place)
  const downloads: PlannedDownload[] = []
  for (const [i, item] of wanted.entries()) {
    try {
      downloads.push(await planned(item, targets[i]!, options, { cache, signal: client.http.signal }))
    } catch (error) {
      client.http.signal.throwIfAborted()
      failed.push({ reference: shown(item.text), error })
    }
  }
  return { downloads, failed }
}

/** The same file of the site under two references is fetched once. */
function same(file: CivitaiFile): (other: Wanted) => boolean {
  return (other) => file.id !== undefined && other.file.id === file.id
}

/** Addresses without their query: people paste tokens in it. */
function shown(reference: string): string {
  return /^https?:/i.test(reference) ? reference.replace(/[?#].*$/s, '') : reference
}

async function planned(
  item: Wanted,
  target: string,
  options: PlanOptions,
  local: Local,
): Promise<PlannedDownload> {
  const { text, ...facts } = item
  checkScans(item)
  if (!options.any) checkKind(target)
  const existing = await checkReplaceable(target)
  const isPresent = existing !== undefined && (await isSameFile(target, existing, item.file, local))
  if (existing && !isPresent && !options.force) throw otherFile(target)
  const part = await stat(partPaths(target).part).catch(() => undefined)
  return {
    ...facts,
    reference: shown(text),
    target,
    isPresent,
    partBytes: part?.size ?? 0,
    warnings: warningsOf(item),
  }
}

/** What existing files are hashed with. */
interface Local {
  readonly cache: HashCache
  readonly signal: AbortSignal
}

/** By the hashes that decide; where there are none, by the length. */
async function isSameFile(
  target: string,
  { size }: Stats,
  { bytes, hashes }: CivitaiFile,
  local: Local,
): Promise<boolean> {
  if (!coversLength(hashes) && bytes !== size) return false
  if (bytes !== undefined && Math.abs(bytes - size) > bytes / 100 + 1024) return false
  return differing(hashes, await ownHashes(target, hashes, local)) === undefined
}

/** Those that decide, of the file that is there. */
async function ownHashes(target: string, expected: Hashes, { cache, signal }: Local): Promise<Hashes> {
  const judges = judgesOf(expected)
  const [judge] = judges
  if (judge === undefined) return {}
  if (judge === 'sha256') return { sha256: await cache.sha256(target) }
  if (judge === 'blake3') return { blake3: await cache.blake3(target) }
  return hashFile(target, { only: judges, signal })
}

function otherFile(target: string): SdtoolError {
  return new SdtoolError('OUTPUT_EXISTS', messages.otherFileExists(target), {
    exitCode: EXIT.usage,
    hint: messages.forceOrOtherPlace,
  })
}

/** @throws CIVITAI_FLAGGED (exit 3) */
function checkScans({ version, file }: Wanted): void {
  if (file.scans.virus !== 'Danger') return
  throw refuse(
    'CIVITAI_FLAGGED',
    messages.flagged(title(version), nameFor(file, version)),
    messages.takeAnother,
  )
}

function warningsOf({ version, file }: Wanted): string[] {
  const { earlyAccess, usageControl } = version
  return [
    ...(earlyAccess ? [earlyAccessWarning(earlyAccess)] : []),
    ...(usageControl !== undefined && usageControl !== 'Download' ? [messages.downloadsDisabled] : []),
    ...(file.scans.pickle === 'Danger' ? [messages.pickleFlagged] : []),
    ...(judgesOf(file.hashes).length === 0 ? [messages.noHash] : []),
  ]
}

function earlyAccessWarning({ until }: EarlyAccess): string {
  return until === undefined ? messages.earlyAccess : messages.earlyAccessUntil(until.slice(0, 10))
}
