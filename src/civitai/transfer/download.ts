/** One file from Civitai to disk: resumed, verified, and under its name only when it is right. */
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { publish, syncFolder } from '../../system/atomic.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { Hashes, HashName } from '../../system/hash.ts'
import type { HttpWorld } from '../http/http.ts'
import { type FetchJob, fetchPart } from './fetch-part.ts'
import { messages } from './messages.ts'
import { openPart, type PartFile } from './part.ts'
import { type PartIdentity, partPaths, quarantinePath } from './part-note.ts'
import { hashesToCompute, hashMismatch, judgesOf } from './verify.ts'

export interface DownloadJob extends FetchJob {
  /** Replace an existing file, when the new one is whole. */
  readonly force: boolean
  readonly versionId: number
  readonly fileId?: number
  /** Checks the whole file before it gets its name. An SdtoolError with exit code 3 puts it into quarantine. */
  check?(partPath: string): Promise<void>
}

export interface Downloaded {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** The hashes that were compared, the strongest first; none if the site gives no hash. */
  readonly verified: readonly HashName[]
  /** Bytes that an earlier run had left. */
  readonly resumedFrom: number
}

/**
 * Downloads a file. What was received stays in `target.part` when the network, the disk or the user stops it, and the
 * next call continues from there.
 * @throws CIVITAI_HASH (nothing is kept), CIVITAI_ERROR_PAGE, CIVITAI_OTHER_FILE, DISK_FULL (exit 1); CIVITAI_LENGTH,
 *   CIVITAI_STORAGE, NETWORK (exit 5); PART_FOREIGN, PART_BUSY (exit 2); OUTPUT_EXISTS as `publish` does; what
 *   `explainRefusal` makes and `check` throws; the reason of the signal
 */
export async function download(job: DownloadJob, world: HttpWorld): Promise<Downloaded> {
  const { target, versionId, fileId, expected } = job
  const { sha256 } = expected.hashes
  const identity: PartIdentity = { versionId, ...defined({ fileId, sha256 }) }
  const { bytes, hashes } = expected
  const part = await openPart(target, identity, hashesToCompute(hashes), bytes, world)
  const resumedFrom = part.inherited
  job.onProgress?.(resumedFrom, part.remote.total ?? bytes ?? 0)
  try {
    await fetchPart(part, job, world)
    const received = await verified(part, job, world)
    await examine(part, job)
    await part.sync()
    await part.close()
    await publish(part.path, target, job.force)
    await rm(partPaths(target).note, { force: true })
    await syncFolder(dirname(target))
    return {
      path: target,
      bytes: part.size,
      sha256: received.sha256!,
      verified: judgesOf(hashes),
      resumedFrom,
    }
  } finally {
    await part.leave()
  }
}

/** A part of an earlier run may have been damaged since: one more try from the start before the file is given up. */
async function verified(part: PartFile, job: DownloadJob, world: HttpWorld): Promise<Hashes> {
  for (;;) {
    await part.drain()
    const hashes = await part.hashes()
    const mismatch = hashMismatch(job.target, job.expected.hashes, hashes)
    if (!mismatch) return hashes
    if (part.inherited === 0) {
      await part.remove()
      throw mismatch
    }
    await part.restart()
    await fetchPart(part, job, world)
  }
}

/** @throws what `check` throws, with the place where the file is kept instead */
async function examine(part: PartFile, { check, target }: DownloadJob): Promise<void> {
  try {
    await check?.(part.path)
  } catch (error) {
    if (!(error instanceof SdtoolError) || error.exitCode !== EXIT.refused) throw error
    const kept = quarantinePath(target, error.code.startsWith('PICKLE_') ? 'unsafe' : 'broken')
    await part.close()
    await publish(part.path, kept, true)
    await rm(partPaths(target).note, { force: true })
    throw new SdtoolError(error.code, messages.keptAs(error.message, kept), {
      exitCode: EXIT.refused,
      cause: error,
      ...defined({ hint: error.hint }),
    })
  }
}
