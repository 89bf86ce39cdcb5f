/** Carries out a plan of downloads, some at a time. */
import { basename } from 'node:path'
import type { CivitaiFile, CivitaiVersion } from '../../civitai/api/shapes.ts'
import type { Site } from '../../civitai/http/hosts.ts'
import { title } from '../../civitai/plan/choose.ts'
import { nameKey } from '../../civitai/plan/file-name.ts'
import { sidecarStem } from '../../civitai/plan/sidecar-files.ts'
import { type Sidecar, writeSidecars } from '../../civitai/plan/sidecars.ts'
import { type Downloaded, download } from '../../civitai/transfer/download.ts'
import { removeOrphan } from '../../civitai/transfer/part-note.ts'
import type { HashCache } from '../../library/caches/hash-cache.ts'
import type { ProgressLines } from '../../report/progress/progress-lines.ts'
import { defined } from '../../system/defined.ts'
import { inParallel } from '../../system/parallel.ts'
import type { Client } from '../shared/civitai-client.ts'
import { checkDownloaded } from './check.ts'
import type { DownloadPlace } from './place.ts'
import type { PlannedDownload } from './plan.ts'
import { settle } from './settle.ts'

export interface RunOptions {
  readonly jobs: number
  readonly force: boolean
  readonly sidecars: readonly Sidecar[]
  readonly place: DownloadPlace
}

export type FinishedDownload = { readonly planned: PlannedDownload } & (
  | { readonly status: 'downloaded'; readonly result: Downloaded; readonly sidecars: Sidecars }
  | { readonly status: 'present'; readonly sidecars: Sidecars }
  | { readonly status: 'failed'; readonly error: unknown }
)

type Sidecars = Awaited<ReturnType<typeof writeSidecars>>

/** A failed download does not stop the others. @throws the reason of the signal */
export function runDownloads(
  downloads: readonly PlannedDownload[],
  options: RunOptions,
  {
    client,
    cache,
    lines,
  }: { readonly client: Client; readonly cache: HashCache; readonly lines: ProgressLines },
): Promise<FinishedDownload[]> {
  const { http } = client
  const files = downloads.map(({ target }) => target)
  const inTurn = openTurns()
  const sidecarsOf = (planned: PlannedDownload, path: string, sha256: string | undefined) =>
    // files of a version that differ in their ending only share their sidecars
    inTurn(nameKey(sidecarStem(path)), () =>
      writeSidecarsOf(planned, { path, sha256, files, kinds: options.sidecars }, client),
    )
  return inParallel(downloads, options.jobs, async (planned): Promise<FinishedDownload> => {
    try {
      if (planned.isPresent) {
        await removeOrphan(planned.target)
        const { sha256 } = planned.file.hashes
        return { planned, status: 'present', sidecars: await sidecarsOf(planned, planned.target, sha256) }
      }
      const fetched = await fetchOne(planned, options, client, lines)
      const { path, problems } = await settle(planned, options.place, http)
      const { sha256 } = fetched
      await cache.remember(path, { sha256 })
      const sidecars = await sidecarsOf(planned, path, sha256)
      const found = { ...sidecars, problems: [...problems, ...sidecars.problems] }
      return { planned, status: 'downloaded', result: { ...fetched, path }, sidecars: found }
    } catch (error) {
      http.signal.throwIfAborted()
      return { planned, status: 'failed', error }
    }
  })
}

/** Work under one key, one after the other. */
function openTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, turn)
    return turn
  }
}

async function fetchOne(
  { site, version, file, target }: PlannedDownload,
  { force }: RunOptions,
  { http }: Client,
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
        ...defined({ fileId: file.id }),
        expected: { ...defined({ bytes: file.bytes }), hashes: file.hashes },
        onProgress: progress.update,
        check: (part) => checkDownloaded(part, target),
      },
      http,
    )
  } finally {
    progress.end()
  }
}

/**
 * By the file's ID: the site's own addresses name a file by its type and format, which two files may share, and which
 * may mean another file to an account with other preferences. Those are used when the first leads nowhere.
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

interface SidecarChoice {
  /** Of the model. */
  readonly path: string
  readonly kinds: readonly Sidecar[]
  readonly sha256: string | undefined
  /** All files of the run. */
  readonly files: readonly string[]
}

function writeSidecarsOf(
  { site, version, file }: PlannedDownload,
  { path, kinds, sha256, files }: SidecarChoice,
  { http }: Client,
) {
  const wanted = file.type === 'Config' ? [] : kinds
  return writeSidecars({ path, version, kinds: wanted, files, ...defined({ sha256 }) }, site, http)
}
