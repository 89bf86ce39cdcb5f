/** What to download, and where to, before a byte of it is. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Choice, chooseFiles, title } from '../civitai/choose.ts'
import { nameFor } from '../civitai/file-name.ts'
import type { Site } from '../civitai/hosts.ts'
import { partPaths } from '../civitai/part.ts'
import { parseReference } from '../civitai/reference.ts'
import { resolveReference } from '../civitai/resolve.ts'
import type { CivitaiFile, CivitaiVersion } from '../civitai/shapes.ts'
import { EXIT, refuse, SdtoolError } from '../errors.ts'
import type { Client } from './civitai-client.ts'
import type { Place } from './download-place.ts'
import { targetsOf, type Wanted } from './download-target.ts'
import type { HashCache } from './hash-cache.ts'

export interface PlannedDownload {
  /** What the person named. */
  readonly reference: string
  readonly site: Site
  readonly version: CivitaiVersion
  readonly file: CivitaiFile
  readonly target: string
  /** It is there already, with the right bytes. */
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
  readonly place: Place
  readonly force: boolean
  readonly quiet: boolean
}

export interface DownloadPlan {
  readonly downloads: readonly PlannedDownload[]
  readonly failed: readonly FailedReference[]
}

/**
 * Asks the site what the references are, and decides on names. A reference that leads nowhere does not stop the others.
 * @throws USAGE for a command line that can mean nothing
 */
export async function planDownloads(
  options: PlanOptions,
  client: Client,
  cache: HashCache,
): Promise<DownloadPlan> {
  // what is misspelt is said before anything is asked or fetched
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
      client.world.signal.throwIfAborted()
      failed.push({ reference: shown(text), error })
    }
  }
  const targets = await targetsOf(wanted, options.output, options.place)
  const downloads: PlannedDownload[] = []
  for (const [i, item] of wanted.entries()) {
    try {
      downloads.push(await planned(item, targets[i]!, options, cache))
    } catch (error) {
      client.world.signal.throwIfAborted()
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
  cache: HashCache,
): Promise<PlannedDownload> {
  const { text, ...facts } = item
  checkScans(item)
  const isPresent = existsSync(target) && (await isSameFile(target, item.file, options.quiet, cache))
  if (existsSync(target) && !isPresent && !options.force) throw otherFile(target)
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

/** By SHA-256; without one by the size, which is all there is. */
async function isSameFile(
  target: string,
  { bytes, hashes }: CivitaiFile,
  quiet: boolean,
  cache: HashCache,
): Promise<boolean> {
  const info = await stat(target)
  if (!info.isFile()) return false
  if (hashes.sha256 === undefined) return bytes === info.size
  if (bytes !== undefined && Math.abs(bytes - info.size) > bytes / 100 + 1024) return false
  return (await cache.sha256(target, quiet)) === hashes.sha256
}

function otherFile(target: string): SdtoolError {
  return new SdtoolError('OUTPUT_EXISTS', `${target} exists already, and is another file`, {
    exitCode: EXIT.usage,
    hint: 'Use --force to replace it, or -o to give the new one another name or folder.',
  })
}

/** @throws CIVITAI_FLAGGED */
function checkScans({ version, file }: Wanted): void {
  if (file.scans.virus !== 'Danger') return
  throw refuse(
    'CIVITAI_FLAGGED',
    `${title(version)}: the site's virus scanner calls ${nameFor(file, version)} dangerous`,
    'Take another file or version.',
  )
}

function warningsOf({ version, file }: Wanted): string[] {
  const { earlyAccess, usageControl } = version
  const until = earlyAccess?.until?.slice(0, 10)
  return [
    ...(earlyAccess
      ? [`early access${until === undefined ? '' : ` until ${until}`}: only for those who bought it`]
      : []),
    ...(usageControl !== undefined && usageControl !== 'Download'
      ? ['its creator has disabled downloads']
      : []),
    ...(file.scans.pickle === 'Danger' ? ["the site's pickle scanner calls it dangerous"] : []),
    ...(Object.keys(file.hashes).length === 0
      ? ['the site gives no hash: its bytes cannot be verified']
      : []),
  ]
}
