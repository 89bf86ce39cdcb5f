/** Carries out a plan of downloads, some at a time. */
import { basename } from 'node:path'
import { title } from '../civitai/choose.ts'
import { type Downloaded, download } from '../civitai/download.ts'
import type { Site } from '../civitai/hosts.ts'
import type { CivitaiFile, CivitaiVersion } from '../civitai/shapes.ts'
import { type Sidecar, writeSidecars } from '../civitai/sidecars.ts'
import type { ProgressLines } from '../report/progress-lines.ts'
import { inParallel } from '../tensor/parallel.ts'
import type { Client } from './civitai-client.ts'
import { checkDownloaded } from './download-check.ts'
import type { PlannedDownload } from './download-plan.ts'
import type { HashCache } from './hash-cache.ts'

export interface RunOptions {
  readonly jobs: number
  readonly force: boolean
  readonly sidecars: readonly Sidecar[]
}

export type Outcome = { readonly planned: PlannedDownload } & (
  | { readonly status: 'downloaded'; readonly result: Downloaded; readonly sidecars: Sidecars }
  | { readonly status: 'present'; readonly sidecars: Sidecars }
  | { readonly status: 'failed'; readonly error: unknown }
)

type Sidecars = Awaited<ReturnType<typeof writeSidecars>>

/** One that fails does not stop the others. */
export function runDownloads(
  downloads: readonly PlannedDownload[],
  options: RunOptions,
  {
    client,
    cache,
    lines,
  }: { readonly client: Client; readonly cache: HashCache; readonly lines: ProgressLines },
): Promise<Outcome[]> {
  const { world } = client
  return inParallel(downloads, options.jobs, async (planned): Promise<Outcome> => {
    try {
      if (planned.isPresent)
        return { planned, status: 'present', sidecars: await sidecarsOf(planned, options, client) }
      const result = await fetchOne(planned, options, client, lines)
      await cache.remember(result.path, { sha256: result.sha256 })
      return { planned, status: 'downloaded', result, sidecars: await sidecarsOf(planned, options, client) }
    } catch (error) {
      world.signal.throwIfAborted()
      return { planned, status: 'failed', error }
    }
  })
}

async function fetchOne(
  { site, version, file, target }: PlannedDownload,
  { force }: RunOptions,
  { world }: Client,
  lines: ProgressLines,
): Promise<Downloaded> {
  const progress = lines.start(basename(target))
  try {
    return await download(
      {
        what: title(version),
        urls: downloadUrls(site, version, file),
        site,
        target,
        force,
        versionId: version.id,
        ...(file.id === undefined ? {} : { fileId: file.id }),
        expected: { ...(file.bytes === undefined ? {} : { bytes: file.bytes }), hashes: file.hashes },
        onProgress: progress.update,
        check: (part) => checkDownloaded(part, target),
      },
      world,
    )
  } finally {
    progress.end()
  }
}

/**
 * By the file's id: the site's own addresses name a file by its type and format, which two files may share, and which
 * the preferences of an account may turn into another. Those are for when the first leads nowhere.
 */
export function downloadUrls(
  { base }: Site,
  { id }: CivitaiVersion,
  { id: fileId, downloadPath }: CivitaiFile,
): URL[] {
  const folder = base.pathname.replace(/\/$/, '')
  const own = `/api/download/models/${id}`
  const paths = [fileId === undefined ? own : `${own}?fileId=${fileId}`, downloadPath ?? own]
  return [...new Set(paths)].map((path) => new URL(folder + path, base))
}

function sidecarsOf(
  { site, version, file, target }: PlannedDownload,
  { sidecars }: RunOptions,
  { world }: Client,
) {
  const { sha256 } = file.hashes
  const kinds = file.type === 'Config' ? [] : sidecars
  return writeSidecars(
    { path: target, version, kinds, ...(sha256 === undefined ? {} : { sha256 }) },
    site,
    world,
  )
}
