/** The files that programs look for next to a model: `.civitai.info`, a preview picture, the user metadata of A1111. */
import { defined } from '../../system/defined.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { id, list, maybe, object, read, text } from '../api/tolerant.ts'
import type { Site } from '../http/hosts.ts'
import type { HttpWorld } from '../http/http.ts'
import { writeNotes } from './a1111-notes.ts'
import { messages } from './messages.ts'
import { writePreview } from './preview.ts'
import {
  checkIsSidecar,
  isTaken,
  jsonAt,
  type ModelFile,
  sidecarError,
  sidecarStem,
} from './sidecar-files.ts'

export const SIDECARS = ['info', 'preview', 'a1111'] as const
export type Sidecar = (typeof SIDECARS)[number]

export interface CivitaiSidecarJob extends ModelFile {
  readonly kinds: readonly Sidecar[]
}

/**
 * Writes the sidecars of a model that are missing; nothing that exists is replaced, and no sidecar is ever the model
 * itself, or another file of the run.
 * @returns the paths that were written, and why others were not
 * @throws the reason of the signal
 */
export async function writeSidecars(
  job: CivitaiSidecarJob,
  site: Site,
  world: HttpWorld,
): Promise<{ readonly written: readonly string[]; readonly problems: readonly string[] }> {
  const written: string[] = []
  const problems: string[] = []
  const writers: Readonly<Record<Sidecar, () => Promise<string | undefined>>> = {
    info: () => writeInfo(job),
    preview: () => writePreview(job, site, world),
    a1111: () => writeNotes(job),
  }
  for (const kind of job.kinds) {
    try {
      const path = await writers[kind]()
      if (path !== undefined) written.push(path)
    } catch (error) {
      world.signal.throwIfAborted()
      problems.push((error as Error).message)
    }
  }
  return { written, problems }
}

/** The answer of the API as it is (Civitai Helper, and others after it). */
async function writeInfo(model: ModelFile): Promise<string | undefined> {
  const { path, version } = model
  const info = `${sidecarStem(path)}.civitai.info`
  await checkIsSidecar(info, model)
  if (await isTaken(info)) {
    const own = read(infoFile, await jsonAt(info))?.id
    if (own !== undefined && own !== version.id)
      throw sidecarError(messages.sidecarOfAnotherVersion(info, String(own), version.id))
    return undefined
  }
  await writeNewFile(info, `${JSON.stringify(version.raw, null, 4)}\n`)
  return info
}

const infoFile = object({ id: maybe(id), baseModel: maybe(text), trainedWords: list(text) })

/** What the `.civitai.info` of a model says, whoever wrote it. */
export interface CivitaiInfo {
  readonly baseModel?: string
  readonly triggers: readonly string[]
}

/** Nothing if there is no such file. */
export async function civitaiInfoBeside(path: string): Promise<CivitaiInfo> {
  const info = read(infoFile, await jsonAt(`${sidecarStem(path)}.civitai.info`))
  const triggers = (info?.trainedWords ?? []).map((word) => word.trim()).filter((word) => word !== '')
  return { ...defined({ baseModel: info?.baseModel }), triggers }
}
